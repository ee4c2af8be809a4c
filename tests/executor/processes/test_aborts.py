"""An abort of an isolated action: CancelledError in its code wherever that is, then SIGTERM, then SIGKILL."""

from __future__ import annotations

import pytest

from runs.domain.phases import Escalation, Phase
from runs.protocol import frames
from tests.executor.conftest import Bench, note
from tests.support.executor.fake_server import FakeAction
from tests.support.executor.isolated import ROOT, events, running, text
from tests.support.processes import is_alive

WORKFLOW = "isolated"
CAUGHT = "caught asyncio.exceptions.CancelledError: too slow\n"


async def abort(bench: Bench) -> FakeAction:
    await bench.server.abort(ROOT, note("too slow"))
    return await bench.server.until_ended(ROOT)


@pytest.mark.parametrize(
    "what", ["sleep", "loop", "process", "lock", "socket", "thread", "worker", "asyncio", "destructor"]
)
async def test_the_code_gets_a_cancelled_error_with_the_reason_and_cleans_up(bench: Bench, what: str) -> None:
    (pid,) = await running(bench, "waits_in", what=what)

    await abort(bench)

    assert not is_alive(pid)
    said = text(bench.server)
    assert CAUGHT in said
    assert "cleaned up\n" in said
    assert ("the coroutine too\n" in said) == (what == "asyncio")
    assert "Traceback" not in said
    (delivered,), (finished,) = events(bench.server, frames.Delivered), events(bench.server, frames.Finished)
    assert finished.outcome == "cancelled"
    assert delivered.at <= finished.at
    assert events(bench.server, frames.Refusing) == []


async def test_a_function_that_waits_for_a_child_gets_it_too(bench: Bench) -> None:
    """Without a server the child cannot be asked for; the SDK tries again and again meanwhile."""
    (pid,) = await running(bench, "waits_for_a_child")

    await abort(bench)

    assert not is_alive(pid)
    assert CAUGHT in text(bench.server)


async def test_a_coroutine_of_a_plugin_is_cancelled_by_asyncio_in_the_main_thread(bench: Bench) -> None:
    (pid,) = await running(bench, "sleeps_elsewhere")

    await abort(bench)

    assert not is_alive(pid)
    assert f"{CAUGHT}cleaned up\n" in text(bench.server)
    assert len(events(bench.server, frames.Delivered)) == 1


async def test_what_swallows_it_is_told_once_and_then_gets_sigterm(bench: Bench) -> None:
    bench.server.grace_seconds = 0.5
    (pid,) = await running(bench, "swallows", terminate=True)
    asked = note()

    await bench.server.abort(ROOT, asked)
    await bench.server.until(lambda: events(bench.server, frames.Delivered), "it is delivered")
    await bench.server.abort(ROOT, note("again"))
    await bench.server.until_ended(ROOT)

    assert not is_alive(pid)
    assert text(bench.server).count("swallowed") == 1
    (refusing,), (finished,) = events(bench.server, frames.Refusing), events(bench.server, frames.Finished)
    assert refusing.step == Escalation.ASKED_AGAIN
    assert "in swallows" in refusing.stack
    assert 500_000 <= refusing.at - asked.requested_at < refusing.next_at - asked.requested_at
    assert refusing.at <= finished.at


@pytest.mark.parametrize("task", ["swallows", "holds_the_interpreter"])
async def test_what_survives_sigterm_gets_sigkill(bench: Bench, task: str) -> None:
    bench.server.grace_seconds = 0.2
    values = {"terminate": False} if task == "swallows" else {}
    (pid,) = await running(bench, task, **values)

    await abort(bench)

    assert not is_alive(pid)
    first, last = events(bench.server, frames.Refusing)
    assert (first.step, last.step) == (Escalation.ASKED_AGAIN, Escalation.CLOSED)
    assert f"in {task}" in first.stack
    assert f"in {task}" in last.stack
    assert (last.next_at, events(bench.server, frames.Finished)[0].outcome) == (0, "cancelled")
    assert abs(last.at - first.next_at) < 1_000_000
    assert len(events(bench.server, frames.Delivered)) == 1


async def test_a_forced_abort_waits_for_nothing_even_when_an_ordinary_one_came_before(bench: Bench) -> None:
    (pid,) = await running(bench, "swallows", terminate=False)
    await bench.server.abort(ROOT, note())
    await bench.server.until(lambda: "swallowed" in text(bench.server), "the ordinary one")

    await bench.server.force(ROOT, note())
    root = await bench.server.until_ended(ROOT)

    assert root.phase is Phase.ABORTED
    assert not is_alive(pid)
    assert len(events(bench.server, frames.Delivered)) == 1


async def test_a_function_may_return_when_it_is_cancelled(bench: Bench) -> None:
    await running(bench, "returns_when_cancelled")

    root = await abort(bench)

    assert root.phase is Phase.ABORTED
    assert [event.outcome for event in events(bench.server, frames.Finished)] == ["succeeded"]
    assert await bench.outputs("returns_when_cancelled", root) == 42


async def test_a_cancelled_error_that_nobody_asked_for_is_a_failure(bench: Bench) -> None:
    root = await bench.run("cancels_itself")

    assert root.phase is Phase.FAILED
    assert root.failure is not None
    assert (root.failure.code, root.failure.message) == ("CancelledError", "mine")


async def test_an_abort_does_not_tear_the_outputs_of_a_function_that_has_returned(bench: Bench) -> None:
    await running(bench, "packs")

    root = await abort(bench)

    assert root.phase is Phase.ABORTED
    assert [event.outcome for event in events(bench.server, frames.Finished)] == ["succeeded"]
    assert events(bench.server, frames.Delivered) == []
    assert type(await bench.outputs("packs", root)).__name__ == "Slowly"


async def test_what_is_aborted_while_its_inputs_are_read_never_begins(bench: Bench) -> None:
    (pid,) = await running(bench, "unpacks", thing=bench.module.Slowly(as_input=True))

    await abort(bench)

    assert not is_alive(pid)
    assert "began" not in text(bench.server)
    assert [event.outcome for event in events(bench.server, frames.Finished)] == ["cancelled"]


async def test_an_orderly_stop_lets_the_code_clean_up(bench: Bench) -> None:
    (pid,) = await running(bench, "waits_in", what="sleep")
    assert bench.process is not None

    bench.process.terminate()
    await bench.process.wait()

    assert not is_alive(pid)
    assert "CancelledError: shutdown\ncleaned up\n" in text(bench.server)
    assert [event.outcome for event in events(bench.server, frames.Finished)] == ["interrupted"]


async def test_an_orderly_stop_does_not_wait_for_what_refuses(bench: Bench) -> None:
    (pid,) = await running(bench, "swallows", terminate=False)
    assert bench.process is not None

    bench.process.terminate()
    await bench.process.wait()

    assert not is_alive(pid)
    assert events(bench.server, frames.Refusing) == []
    assert [event.outcome for event in events(bench.server, frames.Finished)] == ["interrupted"]
