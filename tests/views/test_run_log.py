"""The log of a run: the lines of all its actions, which of them a filter leaves, and its parts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runs.domain.logs.places import LinePlace
from runs.domain.phases import Phase
from runs.models import Action, LogChunk, Run
from runs.protocol.constants import BAD_MESSAGE
from runs.queries.logs import run_log
from runs.queries.logs.action_log import Bounds
from runs.queries.logs.run_log import Wanted
from runs.store import hints
from tests.sockets.test_pages import Browser
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

RUN = "/v2/domain/development/project/flytesnacks/runs/run1"


@pytest.fixture
def run() -> Run:
    """Its root and two children have printed in turns; one of another run has, too."""
    run = factories.make_run("2")
    root, first, second = (run.actions.get(name=name) for name in ("a0", "a0-0", "a0-1"))
    Action.objects.filter(pk=first.pk).update(task_name="env.train", short_name="train")
    Action.objects.filter(pk=second.pk).update(
        task_name="env.train_all", short_name="test", phase=Phase.PAUSED
    )
    factories.make_log(root, "begins")
    factories.make_log(first, "[r][a] INFO loss 0.5", "[r][a] ERROR loss is nan", stream="log")
    factories.make_log(second, "loss 0.1", "\x1b[31mred loss\x1b[0m")
    factories.make_log(first, "ends, with an ERROR that no logger wrote")
    factories.make_log(factories.make_run(name="other").actions.get(name="a0"), "loss of another run")
    return run


def said(log: run_log.RunLog) -> list[tuple[str, str]]:
    return [(one.action, one.line.text) for one in log.lines]


def told(html: str) -> list[str]:
    return re.findall(r"<span>(.*?)</span></div>", html)


def page(query: str = "", path: str = "log") -> str:
    answer = Client().get(f"{RUN}/{path}{query}")
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def test_lines_of_all_actions_come_in_order_of_time(run: Run):
    assert [text for _, text in said(run_log.read_before(run.pk, Wanted()))] == [
        "begins",
        "[r][a] INFO loss 0.5",
        "[r][a] ERROR loss is nan",
        "loss 0.1",
        "\x1b[31mred loss\x1b[0m",
        "ends, with an ERROR that no logger wrote",
    ]


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("?q=RED+loss", 1),
        ("?q=loss", 4),
        ("?task=env.train", 3),
        ("?task=env.train&q=loss", 2),
        ("?task=train", 0),
        ("?phase=paused", 2),
        ("?level=info", 2),
        ("?level=error", 1),
        ("?level=critical", 0),
        ("?q=no+such+line", 0),
    ],
)
def test_a_filter_leaves_what_it_says(run: Run, query: str, lines: int):
    html = page(query)

    assert len(told(html)) == lines
    assert lines or "No line matches" in html


def test_a_task_is_chosen_by_its_whole_name_which_is_said_where_two_are_called_alike(run: Run):
    twin = factories.make_action(
        run, "twin", parent=run.actions.get(name="a0"), task_name="other.train", short_name="train"
    )
    factories.make_log(twin, "of the twin")

    html = page()

    assert dict(run_log.list_tasks(run.pk)) == {
        "env.main": "main", "env.train": "env.train", "env.train_all": "test", "other.train": "other.train",
    }  # fmt: skip
    assert '<option value="env.train_all">test</option>' in html
    assert len(told(page("?task=other.train"))) == 1


@pytest.mark.parametrize(
    "query",
    ["?phase=nothing", "?level=loud", "?before=x", "?line=7", "/lines?after=-1", "/lines?before=" + "9" * 30],
)
def test_what_is_no_filter_is_refused_with_words(run: Run, query: str):
    answer = Client().get(f"{RUN}/log{query}")

    assert answer.status_code == 400
    assert "must be" in answer.content.decode()


WANTED = [Wanted(), Wanted(text="loss"), Wanted(task="env.train"), Wanted(phase=Phase.PAUSED)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=15)
@given(
    most=st.builds(Bounds, lines=st.integers(1, 4), characters=st.integers(1, 60)),
    most_chunks=st.integers(1, 4),
    settled=st.integers(0, 3),
    wanted=st.sampled_from(WANTED),
)
def test_its_parts_have_every_line_once(
    run: Run, most: Bounds, most_chunks: int, settled: int, wanted: Wanted
):
    whole = said(run_log.read_before(run.pk, wanted))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_log, "MAX_CHUNKS", most_chunks)
        patch.setattr(run_log, "CHUNKS_AT_ONCE", 1)
        patch.setattr(run_log, "SMALL", 30)
        patch.setattr(run_log, "SETTLED", settled)
        patch.setattr(run_log, "IN_A_FRAME", most)

        part = run_log.read_before(run.pk, wanted, most=most)
        upwards = said(part)
        while part.is_cut:
            part = run_log.read_before(run.pk, wanted, part.first, most=most)
            upwards = said(part) + upwards
        part = run_log.read_after(run.pk, wanted, LinePlace(0, 0), most=most)
        downwards = said(part)
        while part.has_more:
            part = run_log.read_after(run.pk, wanted, part.next, most=most)
            downwards += said(part)
        part = run_log.read_new(run.pk, wanted, LinePlace(0, 0))
        as_they_come = said(part)
        while part.has_more:
            part = run_log.read_new(run.pk, wanted, part.next)
            as_they_come += said(part)

    assert upwards == downwards == as_they_come == whole


def test_what_others_print_meanwhile_is_passed_over_but_for_its_end(
    run: Run, monkeypatch: pytest.MonkeyPatch
):
    """The end of the log is not read again and again past what other runs have stored since."""
    monkeypatch.setattr(run_log, "SETTLED", 10)
    end = run_log.read_before(run.pk, Wanted()).next
    other = Run.objects.get(name="other").actions.get(name="a0")
    chunks = [factories.make_log(other, str(number)).pk for number in range(30)]

    part = run_log.read_new(run.pk, Wanted(), end)

    assert (part.lines, part.next.chunk, part.has_more) == ((), chunks[-1] + 1 - 10, False)
    factories.make_log(run.actions.get(name="a0"), "late")
    assert said(run_log.read_new(run.pk, Wanted(), part.next)) == [("a0", "late")]


def test_a_part_is_few_statements_however_many_actions_there_are(run: Run, django_assert_num_queries):
    for number in range(30):
        factories.make_log(run.actions.get(name="a0-0"), f"line {number}")
    end = run_log.read_before(run.pk, Wanted()).next

    with django_assert_num_queries(2 + 3):
        run_log.read_before(run.pk, Wanted())
    factories.make_log(run.actions.get(name="a0-0"), "one more")
    with django_assert_num_queries(1 + 1):
        run_log.read_new(run.pk, Wanted(), end)


def test_the_page_has_a_socket_while_anything_runs(run: Run):
    assert f'hx-ws:connect="/ws/run/{run.pk}/log/"' in page()

    Action.objects.filter(run=run).update(phase=Phase.SUCCEEDED, ended_at=run.created_at)

    assert "hx-ws:connect" not in page()


def test_a_line_leads_to_itself_amid_the_others_and_to_the_log_of_its_action(run: Run):
    chunk = LogChunk.objects.filter(action__run=run).earliest("pk").pk
    html = page()

    assert f'<a href="?line={chunk}.0"' in html
    assert f'<a class="who" href="{RUN}?action=a0&amp;tab=logs&amp;line={chunk}.0"' in html
    html = page(f"?line={chunk + 2}.1")
    assert f'data-line="{chunk + 2}.1"' in html
    assert len(told(html)) == 6
    assert "is not among these lines any more" not in html
    assert "is not among these lines any more" in page(f"?line={chunk}.7")


# --- its socket ---------------------------------------------------------------------------------------------------


async def followed(run: Run, **tail: Any) -> Browser:
    return await Browser(f"/ws/run/{run.pk}/log/").open(tail={"kind": "tail", **tail})


async def print_line(run: Run, name: str, text: str) -> LogChunk:
    action = await run.actions.aget(name=name)
    chunk = await sync_to_async(factories.make_log)(action, text)
    await hints.send([hints.Hint(hints.run_log_group(run.pk))])
    return chunk


async def log_of(page: Browser) -> dict[str, Any]:
    while "log" not in (frame := await page.frame()):
        pass
    return frame["log"]


async def test_what_is_printed_follows_by_itself_until_the_run_has_ended(run: Run):
    end = (await sync_to_async(run_log.read_before)(run.pk, Wanted())).next
    socket = await followed(run, chunk=end.chunk, number=end.number)
    await socket.frame()

    chunk = await print_line(run, "a0-0", "one more")
    news = await log_of(socket)

    assert (news["since"], news["upto"], news["isOver"]) == (str(end), f"{chunk.pk + 1}.0", False)
    assert told(news["html"]) == ["one more"]
    assert 'data-action="a0-0" data-live' in news["html"]
    await Action.objects.filter(run=run).aupdate(phase=Phase.SUCCEEDED, ended_at=run.created_at)
    await print_line(run, "a0", "the end")
    last = await log_of(socket)
    assert (last["since"], told(last["html"]), last["isOver"]) == (news["upto"], ["the end"], True)
    await socket.disconnect()


async def test_only_what_the_page_wants_follows_and_only_where_it_shows_the_end(run: Run):
    end = (await sync_to_async(run_log.read_before)(run.pk, Wanted())).next
    socket = await followed(run)
    await socket.frame()
    await print_line(run, "a0-0", "loss 1")
    await print_line(run, "a0-0", "other")

    await socket.say("tail", chunk=end.chunk, number=end.number, query="q=LOSS&task=env.train")
    assert told((await log_of(socket))["html"]) == ["loss 1"]
    await print_line(run, "a0", "loss of the root")
    await print_line(run, "a0-0", "loss 2")
    assert told((await log_of(socket))["html"]) == ["loss 2"]
    await socket.say("tail", chunk=1, query="phase=nothing")
    assert await socket.closed_with() == BAD_MESSAGE
    await socket.disconnect()
