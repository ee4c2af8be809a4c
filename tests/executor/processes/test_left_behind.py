"""Law 14 in a process of its own: Python would wait for threads and workers without an end, and this does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from runs.domain.phases import Phase
from runs.protocol import frames
from runs.protocol.frames import Key
from tests.executor.conftest import Bench, note
from tests.support.executor.isolated import events
from tests.support.executor.leaving import (
    GRACE_SECONDS,
    LONG_SECONDS,
    ROOT,
    bench_of_leaving,
    finished,
    goes_on,
    log,
    refusals,
    start,
)
from tests.workflows.leaving import LEFT_BY_FUNCTIONS, THREADS

PHASES = {"return": Phase.SUCCEEDED, "raise": Phase.FAILED, "wait": Phase.ABORTED}
ENDED = "flyteui: what it had started was ended with it: "


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench_of_leaving(tmp_path) as made:
        yield made


@pytest.fixture
async def alone(bench: Bench) -> Bench:
    bench.server.leases_alone = True
    return bench


@pytest.mark.parametrize("then", ["return", "raise", "wait"])
async def test_law_14_what_a_function_leaves_ends_before_its_end_is_said(bench: Bench, then: str):
    polite = [way for way in LEFT_BY_FUNCTIONS if "deaf" not in way]
    for run, way in enumerate(polite, start=1):
        gate = bench.folder / way
        gate.mkdir()
        await bench.start("function_leaves", run=run, way=way, then=then, gate=str(gate))
        await check_ended(bench, Key(run, "a0"), gate, then)
        assert ENDED in log(bench, run), way
        assert "Traceback" not in log(bench, run).replace("ValueError", "", 1) or then == "raise", way
    assert not refusals(bench)


@pytest.mark.parametrize("then", ["return", "raise", "wait"])
async def test_law_14_what_a_coroutine_alone_leaves_in_threads_ends_before_its_end_is_said(
    alone: Bench, then: str
):
    for run, way in enumerate(THREADS, start=1):
        gate = alone.folder / way
        gate.mkdir()
        await alone.start("leaves", run=run, way=way, then=then, gate=str(gate))
        await check_ended(alone, Key(run, "a0"), gate, then)
    assert not refusals(alone)


async def check_ended(bench: Bench, key: Key, gate: Path, then: str) -> None:
    if then == "wait":
        await bench.server.until(partial(bench.server.lines, "a0", key.run), f"the beats in {gate.name}")
        await bench.server.abort(key, note())
    ended = await bench.server.until_ended(key)
    assert not goes_on(gate), gate.name
    assert ended.phase is PHASES[then], gate.name


async def test_calls_that_wait_for_a_thread_of_their_pool_never_begin(bench: Bench):
    await start(bench, "function_leaves", way="pool", then="return")

    await bench.server.until_ended(ROOT)

    assert [file.name for file in bench.folder.glob("beat*")] == ["beat"]


@pytest.mark.parametrize("way", ["deaf_thread", "deaf_worker"])
@pytest.mark.parametrize("then", ["return", "raise"])
async def test_what_refuses_behind_a_function_has_two_graces_and_a_line_in_its_log(
    bench: Bench, way: str, then: str
):
    bench.server.grace_seconds = GRACE_SECONDS
    await start(bench, "function_leaves", way=way, then=then)

    ended = await bench.server.until_ended(ROOT)

    assert not goes_on(bench.folder)
    assert ended.phase is PHASES[then]
    if then == "return":
        assert await bench.outputs("function_leaves", ended) == "left"
    else:
        assert ended.failure is not None
        assert (ended.failure.code, ended.failure.message) == ("ValueError", "no")
    assert "it has ended, but something that it has started goes on: " in log(bench)
    assert ENDED in log(bench)
    assert finished(bench).left_behind == "", "a function has no manners"


async def test_a_deaf_thread_of_a_coroutine_alone_has_two_graces_and_is_a_manner(alone: Bench):
    alone.server.grace_seconds = GRACE_SECONDS
    await start(alone, "leaves_deaf_thread", then="return")

    ended = await alone.server.until_ended(ROOT)

    assert not goes_on(alone.folder)
    assert ended.phase is Phase.SUCCEEDED
    assert await alone.outputs("leaves_deaf_thread", ended) == "left"
    assert "something that it has started does not end, so its process is ended" in log(alone)
    assert finished(alone).left_behind == "a thread in deaf()"


@pytest.mark.parametrize("task", ["leaves_waiting_thread", "function_leaves_waiting_thread"])
async def test_a_thread_that_waits_holds_up_a_return_for_a_second(alone: Bench, task: str):
    action = await asyncio.wait_for(alone.run(task, gate=str(alone.folder)), LONG_SECONDS)

    assert action.phase is Phase.SUCCEEDED
    assert await alone.outputs(task, action) == "left"
    assert "a thread in wait()" in log(alone) or "a thread in Event.wait()" in log(alone)


@pytest.mark.parametrize("task", ["leaves_thread", "function_leaves_fit"])
async def test_a_thread_that_goes_on_is_named_with_its_stack_until_it_has_ended(alone: Bench, task: str):
    await alone.start(task, gate=str(alone.folder))

    await alone.server.until(lambda: events(alone.server, frames.GoesOn), "it is said what goes on")
    assert events(alone.server, frames.Finished) == []
    (alone.folder / "open").touch()
    root = await alone.server.until_ended(ROOT)

    (said,) = events(alone.server, frames.GoesOn)
    assert said.what == "a thread in fit() goes on"
    heading, first, *_ = said.stack.splitlines()
    assert heading == "In a thread that it has started, in fit:"
    assert "leaving.py" in first, "what leads to the user's code is left out"
    assert root.phase is Phase.SUCCEEDED
    assert await alone.outputs(task, root) == "left"


async def test_who_leaves_nothing_is_told_nothing(bench: Bench):
    action = await bench.run("function_uses_and_ends", gate=str(bench.folder))

    assert action.phase is Phase.SUCCEEDED
    assert log(bench) == ""
