"""What reaches an action's log, and what does not."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from runs.domain.phases import Phase
from runs.protocol.frames import Key, LogLines
from tests.executor.conftest import Bench, note


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
    from runs.executor.link.client import MANY_EVENTS, Link

    link = Link("ws://127.0.0.1:9/", "token", SimpleNamespace())
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
