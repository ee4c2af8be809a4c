"""What an isolated action starts ends with it, whatever it did to get away, and nothing else does."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from runs.domain.phases import Phase
from runs.protocol import frames
from runs.protocol.frames import Key
from tests.executor.conftest import Bench, note
from tests.support.executor.isolated import ROOT, children_of, events, running, until_gone, zygote_of
from tests.support.processes import is_alive
from tests.support.server.server import wait_until

WORKFLOW = "isolated"
COUNT = 4  # the action's process, a daemon, a process in a session of its own, a fork without an exec


async def test_daemons_are_gone_when_the_abort_is_reported(bench: Bench) -> None:
    numbers = await running(bench, "leaves_daemons", COUNT, then="sleep")
    assert all(map(is_alive, numbers))

    await bench.server.abort(ROOT, note())
    await bench.server.until_ended(ROOT)

    assert [pid for pid in numbers if is_alive(pid)] == []


@pytest.mark.parametrize(
    ("then", "phase"), [("return", Phase.SUCCEEDED), ("raise", Phase.FAILED), ("exit", Phase.FAILED)]
)
async def test_daemons_end_with_an_action_that_ends_by_itself(bench: Bench, then: str, phase: Phase) -> None:
    root = await bench.run("leaves_daemons", then=then)

    numbers = [int(text[4:]) for _, text in bench.server.lines("a0") if text.startswith("pid ")]
    assert root.phase is phase
    assert len(numbers) == COUNT
    assert [pid for pid in numbers if is_alive(pid)] == []


async def test_a_neighbours_daemons_live_on(bench: Bench) -> None:
    ours = await running(bench, "leaves_daemons", COUNT, then="sleep")
    theirs = await running(bench, "leaves_daemons", COUNT, run=2, then="sleep")

    await bench.server.abort(ROOT, note())
    await bench.server.until_ended(ROOT)

    assert [pid for pid in ours if is_alive(pid)] == []
    assert all(map(is_alive, theirs))
    assert events(bench.server, frames.Finished, Key(2, "a0")) == []


async def test_daemons_end_when_the_shim_of_their_action_is_killed_and_the_neighbours_live_on(
    bench: Bench,
) -> None:
    ours = await running(bench, "leaves_daemons", COUNT, then="sleep")
    assert bench.process is not None
    (shim,) = children_of(zygote_of(bench.process))
    theirs = await running(bench, "leaves_daemons", COUNT, run=2, then="sleep")

    os.kill(shim, signal.SIGKILL)
    root = await bench.server.until_ended(ROOT)

    assert root.phase is Phase.FAILED
    assert [pid for pid in ours if is_alive(pid)] == []
    assert all(map(is_alive, theirs))


@pytest.mark.parametrize("victim", ["executor", "zygote"])
async def test_daemons_end_with_the_executor_and_with_its_zygote(bench: Bench, victim: str) -> None:
    numbers = await running(bench, "leaves_daemons", COUNT, then="sleep")
    assert bench.process is not None
    zygote = zygote_of(bench.process)
    shims = children_of(zygote)

    os.kill(zygote if victim == "zygote" else bench.process.pid, signal.SIGKILL)

    await until_gone(zygote, *shims, *numbers)


async def test_nothing_is_left_of_an_action_that_has_ended(bench: Bench) -> None:
    await bench.run("leaves_daemons", then="return")
    assert bench.process is not None

    zygote = zygote_of(bench.process)
    await asyncio.to_thread(wait_until, lambda: not children_of(zygote), "not even a zombie is left", 10)
