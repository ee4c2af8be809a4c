"""What reaches an action's log, and what does not."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from runs.executor import outbox as outbox_module
from runs.executor.frames import Key, Lease, LogLines, RunInfo
from runs.executor.held import Held
from runs.executor.outbox import Outbox
from runs.executor.output import Output
from runs.phases import Phase
from tests.executor.conftest import Bench, note


def printed(outbox: Outbox) -> list[str]:
    return [
        text
        for entry in outbox.take()
        if isinstance(entry.event, LogLines)
        for _, _, text in entry.event.lines
    ]


def test_output_that_comes_faster_than_it_leaves_is_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox_module, "MAX_LOG_BYTES", 100)
    outbox = Outbox(lambda: None)
    output = Output(outbox, lambda *_: None)
    run = RunInfo(1, "o", "p", "d", "run", "file:///base", "file:///raw", "")
    held = Held(Lease(Key(1, "a0"), 1, 1, "", ""), run)

    output.write(held, "out", "x" * 200 + "\n")
    output.send()  # nothing has left yet, so the buffer is full now
    output.write(held, "out", "lost\nlost too\n")
    output.flush(held)
    lines = printed(outbox)
    output.write(held, "out", "there is room again\n")
    output.flush(held)

    assert lines == [
        "x" * 200 + "\n",
        "flyteui: 2 lines of output were dropped: they came faster than the server took them\n",
    ]
    assert printed(outbox) == ["there is room again\n"]


async def test_the_sdks_own_words_about_a_failure_are_its_traceback_only(bench: Bench) -> None:
    root = await bench.run("catches_failure")

    (child,) = bench.server.of("a0")
    assert root.phase is Phase.SUCCEEDED
    assert bench.server.lines("a0") == []
    (record,) = ["".join(text for _, text in bench.server.lines(child.key.name))]
    assert record.count("ERROR") == 1
    assert "Traceback" in record
    assert record.rstrip().endswith("ValueError: I will fail!")


async def test_an_abort_leaves_no_words_of_the_sdk_in_a_log(bench: Bench) -> None:
    root = await bench.start("sleeper", n=1)
    await bench.server.until(lambda: root.phase is Phase.RUNNING, "start")

    await bench.server.abort(root.key, note())
    await bench.server.until_ended(root.key)

    assert [text for _, text in bench.server.lines("a0") if "flyte" in text] == []


async def test_a_message_with_half_a_character_fails_the_action_with_its_own_code(bench: Bench) -> None:
    root = await bench.run("failing", message="plain")
    odd = await bench.run("fails_oddly", run=2)

    assert root.failure is not None
    assert odd.failure is not None
    assert (root.failure.code, odd.failure.code) == ("ValueError", "ValueError")
    assert odd.failure.message == "half ? a pair"


async def test_after_a_batch_of_many_the_next_one_gathers_and_after_a_small_one_it_leaves_at_once() -> None:
    from runs.executor.link import MANY_EVENTS, Link

    link = Link("ws://127.0.0.1:9/", SimpleNamespace())
    link._loop.close()
    link._loop = asyncio.get_running_loop()
    link.outbox.put(LogLines(key=Key(1, "a0"), attempt=1, lines=[]))

    link._gather(MANY_EVENTS)
    assert link._in_flight is None
    await asyncio.wait_for(_until(lambda: link._in_flight), 5)

    link._in_flight = None
    link.outbox.put(LogLines(key=Key(1, "a0"), attempt=1, lines=[]))
    link._gather(1)
    assert link._in_flight is not None


async def _until(holds: object) -> None:
    while not holds():  # type: ignore[operator]
        await asyncio.sleep(0)
