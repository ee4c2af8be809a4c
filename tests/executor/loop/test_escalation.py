"""Law 6 on an executor's event loop: each step, how it looks from the server, and what it does to neighbours."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from runs.domain.phases import Escalation, Phase
from runs.protocol import frames
from runs.protocol.frames import Key
from tests.executor.conftest import Bench, note
from tests.support.executor import user_code
from tests.support.executor.fake_server import FakeServer

GRACE_SECONDS = 0.4
NEIGHBOUR, STUBBORN = Key(1, "a0"), Key(2, "a0")
CLOSED = ["swallows", "shields", "refuses", "cleans_up_for_ever", "gathers_refusals"]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    server = FakeServer()
    server.grace_seconds = GRACE_SECONDS
    await server.start()
    made = Bench(server, tmp_path, user_code.load("refusing"), user_code.bundle(tmp_path, "refusing"))
    yield made
    await made.stop()
    await server.stop()


async def start(bench: Bench, task: str) -> None:
    """The neighbour and the task, both running."""
    await bench.start("neighbour", run=1, gate=str(bench.folder))
    await bench.start(task, run=2, gate=str(bench.folder))
    await bench.server.until(lambda: bench.server.lines("a0", run=2), f"the first line of {task}")


async def neighbour_ends(bench: Bench) -> None:
    (bench.folder / "open").touch()
    assert (await bench.server.until_ended(NEIGHBOUR)).phase is Phase.SUCCEEDED
    assert await bench.outputs("neighbour", bench.server.actions[NEIGHBOUR]) == "went on"


def refusals(server: FakeServer, key: Key = STUBBORN) -> list[frames.Refusing]:
    return [event for event in server.events if isinstance(event, frames.Refusing) and event.key == key]


def steps(server: FakeServer) -> list[Escalation]:
    return [Escalation(event.step) for event in refusals(server)]


def finished(server: FakeServer, key: Key = STUBBORN) -> frames.Finished:
    (found,) = [event for event in server.events if isinstance(event, frames.Finished) and event.key == key]
    return found


@pytest.mark.parametrize("task", CLOSED)
async def test_law_6_a_coroutine_that_refuses_is_closed_and_its_neighbour_goes_on(bench: Bench, task: str):
    await start(bench, task)
    asked = note("enough")

    await bench.server.abort(STUBBORN, asked)
    ended = await bench.server.until_ended(STUBBORN)

    assert ended.phase is Phase.ABORTED
    told = finished(bench.server)
    assert (told.key, told.epoch, told.outcome, told.failure) == (STUBBORN, 1, "cancelled", None)
    assert steps(bench.server) == [Escalation.ASKED_AGAIN, Escalation.CLOSED]
    again, closed = refusals(bench.server)
    assert again.at - asked.requested_at >= GRACE_SECONDS * 1e6
    assert again.next_at - again.at == pytest.approx(GRACE_SECONDS * 1e6, abs=0.2e6)
    assert closed.at >= again.at + 0.9 * GRACE_SECONDS * 1e6
    assert "refusing.py" in again.stack
    assert "await asyncio.s" in again.stack or "await asyncio.gather" in again.stack
    assert "runs/executor" not in again.stack
    await neighbour_ends(bench)


async def test_law_6_the_second_cancel_ends_what_cleans_up_without_end(bench: Bench):
    await start(bench, "cleans_up_twice")

    await bench.server.abort(STUBBORN, note())
    await bench.server.until_ended(STUBBORN)

    assert steps(bench.server) == [Escalation.ASKED_AGAIN]
    await neighbour_ends(bench)


async def test_law_6_code_of_a_closed_action_runs_no_more(bench: Bench):
    await start(bench, "gathers_refusals")

    await bench.server.abort(STUBBORN, note())
    await bench.server.until_ended(STUBBORN)
    printed = len(bench.server.lines("a0", run=2))
    # Other actions come and go; were a task of the closed one alive, a cancel at its end would make it print.
    for run in range(3, 6):
        await bench.run("leaves_refusals_behind", run=run, gate=str(bench.folder))

    assert len(bench.server.lines("a0", run=2)) == printed
    await neighbour_ends(bench)


async def test_what_stops_within_its_grace_is_not_escalated(bench: Bench):
    bench.server.grace_seconds = 30.0
    await start(bench, "swallows")
    await bench.start("polite", run=3)
    await bench.server.until(lambda: bench.server.lines("a0", run=3), "the first line")

    await bench.server.abort(Key(3, "a0"), note())
    await bench.server.until_ended(Key(3, "a0"))

    assert not [event for event in bench.server.events if isinstance(event, frames.Refusing)]


@pytest.mark.parametrize("task", ["blocks", "spins"])
async def test_law_6_a_blocked_loop_has_two_graces_and_then_costs_the_process(bench: Bench, task: str):
    await start(bench, task)

    await bench.server.abort(STUBBORN, note())
    await bench.server.until(lambda: Escalation.PROCESS in steps(bench.server), "the last step")

    assert steps(bench.server) == [Escalation.ASKED_AGAIN, Escalation.PROCESS]
    assert ("time.sleep(600)" if task == "blocks" else "while True:") in refusals(bench.server)[0].stack
    assert refusals(bench.server)[-1].next_at == 0
    assert not any(isinstance(event, frames.Finished) for event in bench.server.events)
    assert bench.process is not None
    bench.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(bench.process.wait(), 10) == frames.STOPPED
    assert not any(isinstance(event, frames.Finished) for event in bench.server.events), "they may still run"


async def test_a_stop_closes_what_does_not_let_itself_be_interrupted(bench: Bench):
    await start(bench, "refuses")
    assert bench.process is not None

    bench.process.send_signal(signal.SIGTERM)

    assert await asyncio.wait_for(bench.process.wait(), 10) == frames.LEFT
    assert finished(bench.server, NEIGHBOUR).outcome == "interrupted"
    assert finished(bench.server, STUBBORN).outcome == "interrupted"


@pytest.mark.parametrize("task", ["swallows", "refuses"])
@pytest.mark.parametrize("was_asked", [True, False])
async def test_force_does_not_wait_for_the_grace(bench: Bench, task: str, was_asked: bool):
    bench.server.grace_seconds = 30.0
    await start(bench, task)
    if was_asked:
        await bench.server.abort(STUBBORN, note())
        await bench.server.until(
            lambda: any(isinstance(e, frames.Delivered) for e in bench.server.events), "its delivery"
        )
    forced = frames.Cancels([frames.Cancel(STUBBORN, 1, note(), is_forced=True)])
    bench.server.actions[STUBBORN].note = note()

    await bench.server.push(forced)
    await bench.server.push(forced)
    async with asyncio.timeout(5):
        await bench.server.until_ended(STUBBORN)

    assert steps(bench.server) == [Escalation.CLOSED]
    await neighbour_ends(bench)


async def test_force_on_a_blocked_loop_costs_the_process_at_once(bench: Bench):
    bench.server.grace_seconds = 30.0
    await start(bench, "blocks")
    await bench.server.until(
        lambda: any(isinstance(event, frames.LoopState) for event in bench.server.events), "the loop's report"
    )

    await bench.server.push(frames.Cancels([frames.Cancel(STUBBORN, 1, note(), is_forced=True)]))
    async with asyncio.timeout(2):
        await bench.server.until(lambda: steps(bench.server), "the last step")

    assert steps(bench.server) == [Escalation.PROCESS]


async def test_a_lost_lease_does_not_leave_refusing_code_behind(bench: Bench):
    await start(bench, "swallows")
    bench.server.kill = [STUBBORN]

    await bench.server.drop()
    await bench.server.until_connected(2)
    await bench.server.drop()
    await bench.server.until_connected(3)

    assert STUBBORN not in [one.key for one in bench.server.hellos[-1].held]
    await neighbour_ends(bench)
    assert bench.process is not None
    assert bench.process.returncode is None


async def test_what_an_action_leaves_behind_is_closed_in_the_end(bench: Bench):
    await bench.start("neighbour", run=1, gate=str(bench.folder))

    left = await bench.run("leaves_refusals_behind", run=2, gate=str(bench.folder))
    stderr, process = "", bench.process
    assert process is not None

    async def closed() -> None:
        nonlocal stderr
        while "closing what refuses to stop" not in stderr:
            await asyncio.sleep(0)
            stderr += process.stderr()

    await asyncio.wait_for(closed(), 10)
    assert left.phase is Phase.SUCCEEDED
    assert "of action run2/a0, which has ended" in stderr
    await neighbour_ends(bench)


async def test_a_cancel_that_is_told_again_escalates_once(bench: Bench):
    await start(bench, "swallows")
    bench.server.actions[STUBBORN].note = note()
    cancel = frames.Cancels([frames.Cancel(STUBBORN, 1, note())])

    for _ in range(3):
        await bench.server.push(cancel)
    await bench.server.until_ended(STUBBORN)

    assert steps(bench.server) == [Escalation.ASKED_AGAIN, Escalation.CLOSED]


async def test_force_kills_the_process_of_a_plain_function(bench: Bench):
    bench.server.grace_seconds = 30.0
    await start(bench, "plain_and_deaf")

    await bench.server.abort(STUBBORN, note())
    await bench.server.until(
        lambda: any(isinstance(e, frames.Delivered) for e in bench.server.events), "its delivery"
    )
    await bench.server.push(frames.Cancels([frames.Cancel(STUBBORN, 1, note(), is_forced=True)]))
    async with asyncio.timeout(5):
        ended = await bench.server.until_ended(STUBBORN)

    assert ended.phase is Phase.ABORTED
    await neighbour_ends(bench)
