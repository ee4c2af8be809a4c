"""An action that blocks its event loop: who is named, what is given back, and how those that it holds up stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runs.domain.phases import Escalation, Phase
from runs.protocol import frames
from runs.protocol.frames import Key
from tests.executor.conftest import Bench, note

WORKFLOW = "holding_up"
TRAIN, OTHER = Key(1, "a0"), Key(2, "a0")


def events(bench: Bench, kind: type[Any], holds: Callable[[Any], bool] = lambda _: True) -> list[Any]:
    return [event for event in bench.server.events if isinstance(event, kind) and holds(event)]


async def until(bench: Bench, kind: type[Any], holds: Callable[[Any], bool] = lambda _: True) -> Any:
    await bench.server.until(lambda: events(bench, kind, holds), kind.__name__)
    return events(bench, kind, holds)[0]


async def until_blocked(bench: Bench) -> frames.LoopState:
    found: frames.LoopState = await until(bench, frames.LoopState, lambda event: not event.responsive)
    return found


async def test_who_blocks_the_loop_is_named_with_its_stack_and_since_when(bench: Bench):
    await bench.start("train", run=1)
    await bench.start("sleeps", run=2)

    state = await until_blocked(bench)

    assert (state.key, state.epoch) == (TRAIN, 1)
    assert "in fit" in state.stack
    assert 1.0 <= (state.at - state.since) / 1e6 < 2.0
    bench.open_gate()
    await until(bench, frames.LoopState, lambda event: event.responsive)
    assert (await bench.server.until_ended(TRAIN)).phase is Phase.SUCCEEDED


async def test_an_action_runs_from_its_first_line_on_and_before_it_is_given_back(bench: Bench):
    await bench.start("blocks_at_once", run=1)
    await bench.server.until(lambda: bench.server.lines("a0"), "its first line")
    for run in (2, 3):
        await bench.start("waits", run=run)
    await until_blocked(bench)
    await bench.server.until(lambda: len(events(bench, frames.Returned)) == 2, "both given back")

    assert [event.key for event in events(bench, frames.Started)] == [TRAIN]
    bench.open_gate()
    await bench.server.until_ended(TRAIN)
    assert [event.key for event in events(bench, frames.Started)] == [TRAIN]


async def test_those_that_begin_together_start_one_after_another(bench: Bench):
    """The first blocks, and the second has not begun, though both have their inputs."""
    first = await bench.prepare("blocks_at_once", run=1)
    second = await bench.prepare("blocks_at_once", run=2)
    await bench.server.lease(first)
    await bench.server.lease(second)

    state = await until_blocked(bench)
    given_back = await until(bench, frames.Returned)

    started = events(bench, frames.Started)
    assert [event.key for event in started] == [state.key]
    assert {given_back.key, state.key} == {TRAIN, OTHER}
    bench.open_gate()


async def test_law_13_what_is_held_up_stops_within_its_grace_period(bench: Bench):
    bench.server.grace_seconds = 3.0
    await bench.start("train", run=1)
    await bench.start("sleeps", run=2)
    await until_blocked(bench)

    asked = note()
    await bench.server.push(frames.Cancels([frames.Cancel(OTHER, 1, asked)]))
    last: frames.Refusing = await until(bench, frames.Refusing)

    assert (last.key, last.step, last.next_at) == (OTHER, Escalation.PROCESS, 0)
    assert (last.at - asked.requested_at) / 1e6 < 3.0
    assert "in fit" in last.stack


async def test_force_on_what_is_held_up_does_not_wait(bench: Bench):
    bench.server.grace_seconds = 60.0
    await bench.start("train", run=1)
    await bench.start("sleeps", run=2)
    await until_blocked(bench)

    asked = note()
    await bench.server.push(frames.Cancels([frames.Cancel(OTHER, 1, asked, is_forced=True)]))
    last: frames.Refusing = await until(bench, frames.Refusing)

    assert (last.key, last.step) == (OTHER, Escalation.PROCESS)
    assert (last.at - asked.requested_at) / 1e6 < 5.0


async def test_code_that_blocks_while_it_is_closed_is_named(bench: Bench):
    bench.server.grace_seconds = 0.4
    await bench.start("blocks_when_it_is_closed", run=1)
    await bench.server.until(lambda: bench.server.lines("a0"), "its first line")

    await bench.server.abort(TRAIN, note())
    state = await until_blocked(bench)

    assert (state.key, state.epoch) == (TRAIN, 1)
    assert "in fit" in state.stack
    bench.open_gate()
