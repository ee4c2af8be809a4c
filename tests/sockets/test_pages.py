"""The sockets of the pages, spoken to as a browser speaks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.utils import timezone

from runs.domain.phases import Phase
from runs.models import Executor, Pool, Run
from runs.protocol.constants import BAD_MESSAGE, NOT_FOUND
from runs.store import hints
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)
SECONDS = 5
HEADERS = [(b"host", b"localhost"), (b"origin", b"http://localhost:8000")]


class Browser(WebsocketCommunicator):
    """A page's end of its socket."""

    def __init__(self, path: str, headers: list[tuple[bytes, bytes]] = HEADERS) -> None:
        from flyteui.asgi import application

        super().__init__(application, path, headers)

    async def open(self, **hello: Any) -> Browser:
        connected, _ = await self.connect(timeout=SECONDS)
        assert connected
        await self.say("hello", **({"since": -1} | hello))
        return self

    async def say(self, kind: str, **fields: Any) -> None:
        await self.send_to(json.dumps({"kind": kind, **fields}))

    async def frame(self) -> dict[str, Any]:
        """The next frame, acknowledged."""
        frame = json.loads(await self.receive_from(timeout=SECONDS))
        await self.say("ack", seq=frame["seq"])
        return frame

    async def closed_with(self) -> int:
        output = await self.receive_output(timeout=SECONDS)
        assert output["type"] == "websocket.close"
        return output["code"]


@pytest.fixture
async def run() -> Run:
    return await sync_to_async(factories.make_run)("3")


async def change(run: Run, name: str, **fields: Any) -> int:
    """Change an action and hint, as a commit does."""
    seq = await sync_to_async(lambda: factories.change(run.actions.get(name=name), **fields))()
    await hints.send([hints.Hint(hints.run_group(run.pk), seq)])
    return seq


async def test_the_first_frame_holds_the_whole_tree(run: Run):
    page = await Browser(f"/ws/run/{run.pk}/").open()

    frame = await page.frame()

    assert frame["swap"] == "none"
    assert frame["content"].count('role="row"') == 4
    assert 'id="rows" hx-swap="innerMorph"' in frame["content"]
    await page.disconnect()


async def test_a_page_that_has_the_rows_gets_none_again(run: Run):
    page = await Browser(f"/ws/run/{run.pk}/").open(since=0, first=0, count=4)

    frame = await page.frame()

    assert 'role="row"' not in frame["content"]
    assert 'id="run-header"' in frame["content"]
    await page.disconnect()


async def test_a_change_is_one_partial(run: Run):
    page = await Browser(f"/ws/run/{run.pk}/").open()
    await page.frame()

    seq = await change(run, "a0-1", attempt=2)
    frame = await page.frame()

    assert frame["seq"] == seq
    assert frame["content"].count('role="row"') == 1
    assert '<hx-partial id="action-a0-1" hx-swap="outerMorph"><div role="row"' in frame["content"]
    await page.disconnect()


async def test_a_new_action_brings_the_window_again(run: Run):
    page = await Browser(f"/ws/run/{run.pk}/").open()
    await page.frame()

    await sync_to_async(lambda: factories.add(run, "new", parent=run.actions.get(name="a0-0")))()
    await hints.send([hints.Hint(hints.run_group(run.pk))])
    frame = await page.frame()

    assert frame["content"].count('role="row"') == 5
    assert frame["content"].index("action-a0-0") < frame["content"].index("action-new")
    await page.disconnect()


async def test_a_branch_is_closed_and_tells_of_failures_below(run: Run):
    await sync_to_async(
        lambda: factories.add(run, "bad", parent=run.actions.get(name="a0-0"), phase=Phase.FAILED)
    )()
    page = await Browser(f"/ws/run/{run.pk}/").open()
    await page.frame()

    await page.say("toggle", name="a0-0")
    frame = await page.frame()

    assert "action-bad" not in frame["content"]
    assert 'aria-expanded="false" data-hidden-failures="1"' in frame["content"]
    await page.disconnect()


async def test_scrolling_a_long_run_brings_other_rows():
    run = await sync_to_async(factories.make_run)("400")
    page = await Browser(f"/ws/run/{run.pk}/").open()
    await page.frame()

    await page.say("window", first=300, count=50)
    frame = await page.frame()

    assert frame["content"].count('role="row"') == 50
    assert 'id="rows-before" class="spacer" role="presentation" data-rows="300"' in frame["content"]
    assert 'data-rows="51"' in frame["content"]
    await page.disconnect()


@pytest.mark.parametrize("text", ["null", "{}", '{"kind":"drop"}', '{"kind":"window","first":"x","count":1}'])
async def test_a_bad_message_closes_the_socket(run: Run, text: str):
    page = await Browser(f"/ws/run/{run.pk}/").open(since=0, count=4)
    await page.frame()

    await page.send_to(text)

    assert await page.closed_with() == BAD_MESSAGE


async def test_a_run_that_does_not_exist_is_told_after_the_handshake():
    page = await Browser("/ws/run/9999/").open()

    assert await page.closed_with() == NOT_FOUND


@pytest.mark.parametrize("headers", [[(b"origin", b"http://evil.example")], []])
async def test_only_our_own_pages_may_open_a_socket(run: Run, headers: list[tuple[bytes, bytes]]):
    page = Browser(f"/ws/run/{run.pk}/", headers)

    connected, _ = await page.connect(timeout=SECONDS)

    assert not connected


async def test_the_list_of_runs_is_live(run: Run):
    page = await Browser("/ws/runs/flytesnacks/development/").open()
    first = await page.frame()
    assert "run-run1" in first["content"]

    await sync_to_async(factories.make_run)(name="run2")
    await hints.send([hints.Hint(hints.RUNS)])

    assert "run-run2" in (await page.frame())["content"]
    assert settings.DEFAULT_PROJECT == "flytesnacks"
    await page.disconnect()


async def test_the_list_follows_the_filter_of_its_page(run: Run):
    page = await Browser("/ws/runs/flytesnacks/development/").open(query="phase=failed")
    assert "No run matches" in (await page.frame())["content"]

    await sync_to_async(factories.make_run)(name="bad", phase=Phase.FAILED)
    await hints.send([hints.Hint(hints.RUNS)])
    frame = await page.frame()
    assert "run-bad" in frame["content"]
    assert "run-run1" not in frame["content"]

    await page.say("list", query="q=run1")
    frame = await page.frame()
    assert "run-run1" in frame["content"]
    assert "run-bad" not in frame["content"]

    await page.say("list", query="since=soon")
    assert "neither an age" in (await page.frame())["content"]
    await page.disconnect()


async def test_the_page_of_the_executors_is_live():
    page = await Browser("/ws/executors/").open()
    assert "No executor is needed" in (await page.frame())["content"]

    pool = await sync_to_async(Pool.objects.create)(key="p")
    await sync_to_async(Executor.objects.create)(pool=pool, host="box", pid=7)
    await hints.send([hints.Hint(hints.WORKERS)])

    assert "box:7" in (await page.frame())["content"]
    await page.disconnect()


async def test_a_link_is_followed_to_a_row_in_a_closed_branch(run: Run):
    await sync_to_async(
        lambda: factories.add(run, "deep", parent=run.actions.get(name="a0-1"), phase=Phase.FAILED)
    )()
    page = await Browser(f"/ws/run/{run.pk}/").open(toggled=["a0-1"])
    assert "action-deep" not in (await page.frame())["content"]

    await page.say("seek", to="deep")
    frame = await page.frame()

    assert (frame["sought"], frame["opened"]) == ("deep", ["a0-1"])
    assert "action-deep" in frame["content"]
    await page.disconnect()


async def test_a_selected_action_whose_row_is_not_in_the_page_is_told_of(run: Run):
    page = await Browser(f"/ws/run/{run.pk}/").open(looks=["failed"], selected="a0-1")
    first = await page.frame()
    assert first["panel"] == {"name": "a0-1", "seq": 0}

    seq = await change(run, "a0-1", attempt=2)
    changed = await page.frame()
    assert changed["panel"] == {"name": "a0-1", "seq": seq}
    assert 'role="row"' not in changed["content"]

    # Its row tells more.
    await page.say("filter")
    assert "panel" not in await page.frame()
    await page.say("filter", looks=["failed"])
    assert (await page.frame())["panel"]["seq"] == seq
    await page.say("select", name="")
    await page.say("filter", looks=["aborted"])  # whose answer shows that both were read
    assert "panel" not in await page.frame()
    await change(run, "a0-1", phase=Phase.SUCCEEDED, ended_at=timezone.now())
    assert "panel" not in await page.frame()
    await page.disconnect()


@pytest.mark.parametrize(("back", "goal"), [(False, "a0-0"), (True, "a0-2")])
async def test_a_failure_is_sought_from_the_top_in_both_directions(run: Run, back: bool, goal: str):
    for name in ("a0-0", "a0-2"):
        await change(run, name, phase=Phase.FAILED, ended_at=timezone.now())
    page = await Browser(f"/ws/run/{run.pk}/").open()
    await page.frame()

    await page.say("seek", back=back)

    assert (await page.frame())["sought"] == goal
    await page.disconnect()


async def test_what_is_not_shown_or_not_there_is_sought_in_vain(run: Run):
    page = await Browser(f"/ws/run/{run.pk}/").open(looks=["failed"])
    await page.frame()

    for message in ({"to": "a0-1"}, {"to": "nothing"}, {}):
        await page.say("seek", **message)
        assert (await page.frame())["sought"] == ""
    await page.disconnect()


async def test_after_a_gap_the_page_gets_everything_though_it_acknowledged_nothing(run: Run):
    page = await Browser(f"/ws/run/{run.pk}/").open()
    await page.frame()
    await change(run, "a0-1", attempt=2)
    lost = json.loads(await page.receive_from(timeout=SECONDS))

    await page.say("hello", since=-1)
    frame = await page.frame()

    assert frame["number"] == lost["number"] + 1
    assert frame["content"].count('role="row"') == 4
    assert 'id="run-header"' in frame["content"]
    await page.disconnect()


async def print_lines(run: Run, *texts: str) -> int:
    """Let the root print, and hint, as a batch does. Returns the id of the chunk."""
    root = await sync_to_async(run.actions.get)(name="a0")
    chunk = await sync_to_async(factories.make_log)(root, *texts)
    await hints.send([hints.Hint(hints.log_group(root.pk))])
    return chunk.pk


async def log_of(page: Browser) -> dict[str, Any]:
    """What the next frame with lines of a log says of it."""
    while "log" not in (frame := await page.frame()):
        pass
    return frame["log"]


async def test_a_log_is_told_from_where_the_page_says(run: Run):
    root = await sync_to_async(run.actions.get)(name="a0")
    first = await print_lines(run, "<one>", "two")
    second = await print_lines(run, "three")
    page = await Browser(f"/ws/run/{run.pk}/").open()
    await page.frame()

    await page.say("log", action=root.pk, chunk=0, lines=1)
    told = await log_of(page)
    assert (told["since"], told["upto"], told["isOver"]) == ([0, 1], [second, 0], False)
    assert told["html"].count('class="line') == 2
    third = await print_lines(run, "four")
    told = await log_of(page)
    assert (told["since"], told["upto"]) == ([second, 0], [third, 0])

    await page.say("hello", since=-1, log={"kind": "log", "action": root.pk, "chunk": first})
    told = await log_of(page)
    assert (told["since"], told["upto"]) == ([first, 0], [third, 0])
    await page.disconnect()


async def test_a_log_ends_with_its_action_and_costs_nothing_more(run: Run):
    root = await sync_to_async(run.actions.get)(name="a0")
    page = await Browser(f"/ws/run/{run.pk}/").open(log={"kind": "log", "action": root.pk})
    await page.frame()

    chunk = await print_lines(run, "the last")
    await log_of(page)
    await change(run, "a0", phase=Phase.SUCCEEDED, ended_at=timezone.now())

    told = await log_of(page)
    assert (told["html"], told["upto"], told["isOver"]) == ("", [chunk, 0], True)
    await print_lines(run, "nobody listens")
    await page.say("window", first=0, count=4)
    assert await page.receive_nothing(timeout=0.5)
    await page.disconnect()


async def test_the_log_of_another_run_is_not_told(run: Run):
    other = await sync_to_async(factories.make_run)(name="other")
    root = await sync_to_async(other.actions.get)(name="a0")
    await sync_to_async(factories.make_log)(root, "private")
    page = await Browser(f"/ws/run/{run.pk}/").open(log={"kind": "log", "action": root.pk})

    assert "log" not in await page.frame()
    await page.disconnect()


async def test_a_log_that_is_no_longer_shown_is_left(run: Run):
    root = await sync_to_async(run.actions.get)(name="a0")
    page = await Browser(f"/ws/run/{run.pk}/").open(log={"kind": "log", "action": root.pk})
    await page.frame()
    await page.say("log")

    await print_lines(run, "unseen")

    assert await page.receive_nothing(timeout=0.5)
    await page.disconnect()
