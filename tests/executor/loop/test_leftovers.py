"""Law 14 on an executor's event loop: what an action has started ends with it, before its end is said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runs.domain.phases import Escalation, Phase
from runs.executor.attempt.attempt import Attempt, Ending
from runs.executor.attempt.output import Output
from runs.executor.link.outbox import Outbox
from runs.executor.loop.host import Host
from runs.protocol import frames
from runs.protocol.frames import Key
from tests.executor.conftest import Bench, note
from tests.support.executor.leaving import (
    GRACE_SECONDS,
    ROOT,
    bench_of_leaving,
    finished,
    goes_on,
    log,
    refusals,
    start,
    until_gone,
)
from tests.workflows.leaving import PROCESSES, THREADS


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_of_leaving(tmp_path) as made:
        yield made


@pytest.mark.parametrize("then", ["return", "raise", "wait"])
async def test_law_14_whatever_way_it_was_started_it_ends_before_the_end_is_said(bench: Bench, then: str):
    for run, way in enumerate([*PROCESSES, *THREADS], start=1):
        gate = bench.folder / way
        gate.mkdir()
        key = Key(run, "a0")
        await bench.start("leaves", run=run, way=way, then=then, gate=str(gate))
        if then == "wait":
            await bench.server.until(partial(bench.server.lines, "a0", run), f"the beats of {way}")
            await bench.server.abort(key, note())

        ended = await bench.server.until_ended(key)

        assert not goes_on(gate), way
        assert ended.phase is {"return": Phase.SUCCEEDED, "raise": Phase.FAILED, "wait": Phase.ABORTED}[then]
        if then == "wait":
            assert finished(bench, key).left_behind == "", "the code was stopped, and could not see to it"
        else:
            assert finished(bench, key).left_behind, way
            assert "flyteui: what it had started was ended with it" in log(bench, run)
    assert not refusals(bench)
    assert bench.server.connections == 1, "the executor goes on"


@pytest.mark.parametrize("task", ["awaits_process", "awaits_thread"])
async def test_law_14_what_an_aborted_action_awaited_is_gone_when_it_is_aborted(bench: Bench, task: str):
    await start(bench, task)
    assert goes_on(bench.folder)

    await bench.server.abort(ROOT, note())
    await bench.server.until_ended(ROOT)

    assert not goes_on(bench.folder)


async def test_a_process_that_ignores_its_signal_is_killed_after_the_grace(bench: Bench):
    bench.server.grace_seconds = GRACE_SECONDS
    await start(bench, "leaves_deaf_process", then="wait")

    await bench.server.abort(ROOT, note())
    ended = await bench.server.until_ended(ROOT)

    assert not goes_on(bench.folder)
    assert ended.phase is Phase.ABORTED
    (again,) = refusals(bench)
    assert again.step == Escalation.ASKED_AGAIN
    assert "In a process that it has started" in again.stack


async def test_force_kills_it_at_once(bench: Bench):
    await start(bench, "leaves_deaf_process", then="wait")

    await bench.server.force(ROOT, note())
    await bench.server.until_ended(ROOT)

    assert not goes_on(bench.folder)


async def test_law_6_a_thread_that_refuses_costs_the_process_when_its_action_was_aborted(bench: Bench):
    bench.server.grace_seconds = GRACE_SECONDS
    await start(bench, "leaves_deaf_thread", then="wait")

    await bench.server.abort(ROOT, note())
    await bench.server.until(lambda: len(refusals(bench)) == 3, "the last step")

    assert [Escalation(one.step) for one in refusals(bench)] == [
        Escalation.ASKED_AGAIN,
        Escalation.CLOSED,
        Escalation.PROCESS,
    ]
    assert all("in deaf" in one.stack and "leaving.py" in one.stack for one in refusals(bench))
    assert not any(isinstance(one, frames.Finished) for one in bench.server.events), "it goes on"


@pytest.mark.parametrize("task", ["leaves_deaf_thread", "leaves_deaf_process"])
async def test_what_refuses_behind_a_returned_action_has_two_graces_and_a_line_in_its_log(
    bench: Bench, task: str
):
    bench.server.grace_seconds = GRACE_SECONDS
    await start(bench, task, then="return")

    ended = await bench.server.until_ended(ROOT)

    assert ended.phase is Phase.SUCCEEDED
    assert await bench.outputs(task, ended) == "left"
    assert "it has ended, but something that it has started goes on" in log(bench)
    assert bench.process is not None
    if task == "leaves_deaf_thread":
        assert await asyncio.wait_for(bench.process.wait(), 10) == frames.LEFT
    assert not goes_on(bench.folder)


async def test_a_thread_that_waits_holds_up_a_return_for_a_second(bench: Bench):
    action = await bench.run("leaves_waiting_thread", gate=str(bench.folder))

    assert action.phase is Phase.SUCCEEDED
    assert "a thread in" in finished(bench).left_behind


async def test_an_action_that_starts_nothing_pays_nothing():
    """Its end is reported where its code has ended: it does not go to another thread, and nobody looks at the machine."""
    link: Any = SimpleNamespace(outbox=Outbox(lambda: None), call_later=None)
    nothing: Any = None
    host = Host(
        asyncio.get_running_loop(),
        link,
        Output(link.outbox, nothing),
        nothing,
        variables={},
        processes=1,
        on_end=lambda: None,
        on_last_step=lambda: None,
    )
    run = frames.RunInfo(1, "", "flytesnacks", "development", "r1", "", "", "")
    attempt = Attempt(frames.Lease(ROOT, epoch=1, attempt=1, input_uri="", output_uri=""), run)

    host.finish(attempt, Ending("succeeded"))

    (entry,) = link.outbox.take()
    assert isinstance(entry.event, frames.Finished)
    assert attempt.owned is None


async def test_what_has_ended_is_not_left_behind(bench: Bench):
    action = await bench.run("uses_and_ends", gate=str(bench.folder))

    assert await bench.outputs("uses_and_ends", action) == f"0 {3 << 8}"
    assert finished(bench).left_behind == ""
    assert "flyteui:" not in log(bench)


async def test_neighbours_keep_what_they_have_started(bench: Bench):
    await start(bench, "neighbour", run=2)
    for way in ("daemon", "double_fork", "popen_without_variables", "multiprocessing_forkserver"):
        (bench.folder / "beat").unlink(missing_ok=True)
        run = 3 + list(PROCESSES).index(way)
        await start(bench, "leaves", run=run, way=way, then="return")
        await bench.server.until_ended(Key(run, "a0"))

    (bench.folder / "open").touch()
    ended = await bench.server.until_ended(Key(2, "a0"))

    assert await bench.outputs("neighbour", ended) == "alive: True"


async def test_a_daemon_without_a_mark_ends_with_the_last_action_that_has_started_processes(bench: Bench):
    await start(bench, "neighbour", run=2)
    await start(bench, "leaves", way="daemon", then="return")
    await bench.server.until_ended(ROOT)

    (bench.folder / "open").touch()
    await bench.server.until_ended(Key(2, "a0"))

    assert not goes_on(bench.folder)


async def test_a_stop_leaves_no_process_behind(bench: Bench):
    await start(bench, "leaves", way="popen_without_variables", then="wait")
    assert bench.process is not None

    bench.process.terminate()

    assert await asyncio.wait_for(bench.process.wait(), 10) == frames.LEFT
    assert not goes_on(bench.folder)


@pytest.mark.parametrize("way", ["popen", "double_fork"])
async def test_the_death_of_the_executor_takes_along_what_its_actions_have_started(bench: Bench, way: str):
    await start(bench, "leaves", way=way, then="wait")
    assert bench.process is not None

    bench.process.kill()

    await asyncio.wait_for(asyncio.to_thread(until_gone, bench.folder), 10)


async def test_the_lost_lease_of_an_action_ends_what_it_has_started(bench: Bench):
    await start(bench, "leaves", way="popen", then="wait")

    bench.server.kill = [ROOT]
    await bench.server.drop()
    await bench.server.until_connected(2)

    await asyncio.wait_for(asyncio.to_thread(until_gone, bench.folder), 10)


async def test_a_subprocess_sees_the_variables_of_its_action(bench: Bench):
    action = await bench.run("variables", gate=str(bench.folder))

    assert await bench.outputs("variables", action) == "a0 run1\n"


async def test_what_goes_on_after_the_code_is_reported_with_its_stack_until_the_end(bench: Bench):
    await bench.start("leaves_thread_and_process", gate=str(bench.folder))

    def reported() -> list[frames.GoesOn]:
        return [one for one in bench.server.events if isinstance(one, frames.GoesOn)]

    await bench.server.until(reported, "it is said what goes on")
    assert not [one for one in bench.server.events if isinstance(one, frames.Finished)]
    (bench.folder / "open").touch()
    await bench.server.until_ended(ROOT)

    first = reported()[0]
    assert first.what == "a thread in fit() and a forked process go on"
    assert "In a thread that it has started, in fit:" in first.stack
    assert finished(bench).left_behind == "a forked process, a thread in fit()"
    assert "a forked process (pid " in log(bench), "the number is for who reads the log now"
