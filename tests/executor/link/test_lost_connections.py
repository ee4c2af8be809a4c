"""Lost connections, orderly stops, and what the server may say to an executor that it no longer wants."""

from __future__ import annotations

import asyncio
import signal

import pytest

from runs.domain.phases import Phase
from runs.protocol import frames
from runs.protocol.frames import Key
from tests.executor.conftest import Bench, note

END_SECONDS = 10.0


async def exit_code(bench: Bench) -> int:
    assert bench.process is not None
    return await asyncio.wait_for(bench.process.wait(), END_SECONDS)


async def test_the_first_frame_says_who_it_is(bench: Bench) -> None:
    process = await bench.launch()
    await bench.server.until_connected()

    (hello,) = bench.server.hellos
    assert bench.server.tokens == ["Bearer secret-token"]
    assert (hello.executor, hello.pool, hello.epoch) == ("e-1", "pool", 0)
    assert (hello.pid, hello.capacity, hello.held) == (process.pid, 1000, [])


async def test_actions_go_on_while_the_connection_is_lost(bench: Bench) -> None:
    await bench.start("leaves_a_sleeper_behind")
    await bench.server.until(lambda: bench.server.of("a0"), "the child")
    (child,) = bench.server.of("a0")
    await bench.server.until(lambda: bench.server.lines(child.key.name), "the child's line")

    await bench.server.drop()
    bench.open_gate()
    await bench.server.until_connected(2)
    root = await bench.server.until_ended(Key(1, "a0"))

    assert root.phase is Phase.SUCCEEDED
    again = bench.server.hellos[1]
    assert again.epoch == 1
    assert frames.Held(child.key, 1) in again.held


@pytest.mark.parametrize("kind", [frames.Started, frames.Enqueue, frames.Finished])
async def test_a_batch_whose_answer_was_lost_is_sent_again_and_applied_once(
    bench: Bench, kind: type[frames.Event]
) -> None:
    bench.server.lose_ack_of = kind
    root = await bench.run("fan_out", n=3)

    assert root.phase is Phase.SUCCEEDED
    assert await bench.outputs("fan_out", root) == 9
    numbers = bench.server.batches
    assert sorted(set(numbers)) == list(range(1, max(numbers) + 1))
    assert len(numbers) == max(numbers) + 1, "one of them came twice"
    started = [e.key for e in bench.server.events if isinstance(e, frames.Started)]
    assert len(started) == len(set(started))


async def test_what_was_killed_by_the_welcome_is_forgotten(bench: Bench) -> None:
    await bench.start("gathers_sleepers", n=2)
    await bench.server.until(
        lambda: len(c := bench.server.of("a0")) == 2 and all(bench.server.lines(a.key.name) for a in c),
        "children",
    )
    children = [action.key for action in bench.server.of("a0")]
    seen = len(bench.server.events)

    bench.server.kill = [Key(1, "a0"), *children]
    await bench.server.drop()
    await bench.server.until_connected(2)
    other = await bench.run("nested", n=1, run=2)

    assert other.phase is Phase.SUCCEEDED
    of_the_killed = [
        e for e in bench.server.events[seen:] if getattr(e, "key", None) in {Key(1, "a0"), *children}
    ]
    assert of_the_killed == []


async def test_a_stop_interrupts_what_runs_and_aborts_nothing(bench: Bench) -> None:
    await bench.start("gathers_sleepers", n=2)
    await bench.server.until(
        lambda: len(c := bench.server.of("a0")) == 2 and all(bench.server.lines(a.key.name) for a in c),
        "children",
    )
    assert bench.process is not None

    bench.process.send_signal(signal.SIGTERM)

    assert await exit_code(bench) == frames.LEFT
    outcomes = {e.key.name: e.outcome for e in bench.server.events if isinstance(e, frames.Finished)}
    assert outcomes == dict.fromkeys((a.key.name for a in bench.server.actions.values()), "interrupted")
    assert not any(isinstance(e, frames.AbortChild) for e in bench.server.events)
    lines = [line for action in bench.server.of("a0") for line in bench.server.lines(action.key.name)]
    assert sum("got ('shutdown',)" in text for _, text in lines) == 2


async def test_a_stop_does_not_wait_for_a_blocked_loop(bench: Bench) -> None:
    await bench.start("blocks", seconds=60.0)
    await bench.server.until(lambda: any(isinstance(e, frames.Started) for e in bench.server.events), "start")
    assert bench.process is not None

    bench.process.send_signal(signal.SIGTERM)

    assert await exit_code(bench) == frames.STOPPED
    # It ran until the process ended, so only who saw that may say that it is over.
    assert not any(isinstance(e, frames.Finished) for e in bench.server.events)


async def test_a_blocked_loop_is_reported_and_its_leases_go_back(bench: Bench) -> None:
    blocked = await bench.start("blocks", seconds=4.0, run=1)
    await bench.server.until(
        lambda: bench.server.lines("a0"), "its first line, after which the loop is blocked"
    )
    waiting = await bench.start("nested", n=1, run=2)

    await bench.server.until(
        lambda: any(isinstance(e, frames.LoopState) for e in bench.server.events), "report"
    )
    await bench.server.until(
        lambda: any(isinstance(e, frames.Returned) for e in bench.server.events), "return"
    )
    (state,) = [e for e in bench.server.events if isinstance(e, frames.LoopState)]
    assert not state.responsive
    assert "time.sleep(seconds)" in state.stack
    assert [e.key for e in bench.server.events if isinstance(e, frames.Returned)] == [waiting.key]

    await bench.server.until_ended(blocked.key)
    await bench.server.until(
        lambda: (
            [e.responsive for e in bench.server.events if isinstance(e, frames.LoopState)] == [False, True]
        ),
        "recovery",
    )
    await bench.server.lease(waiting)
    assert (await bench.server.until_ended(waiting.key)).phase is Phase.SUCCEEDED


async def test_a_lease_with_a_newer_epoch_replaces_the_old(bench: Bench) -> None:
    action = await bench.start("sleeper", n=1)
    await bench.server.until(lambda: bench.server.lines("a0"), "the first line")

    await bench.server.lease(action)
    await bench.server.until(lambda: len(bench.server.lines("a0")) >= 2, "the second start")
    await bench.server.abort(action.key, note())
    await bench.server.until_ended(action.key)

    assert [e.epoch for e in bench.server.events if isinstance(e, frames.Finished)] == [2]


async def test_an_unused_executor_ends(bench: Bench) -> None:
    bench.server.idle_seconds = 0.2
    await bench.launch()

    assert await exit_code(bench) == frames.LEFT


async def test_a_drained_executor_ends_when_its_actions_have(bench: Bench) -> None:
    await bench.start("leaves_a_sleeper_behind")
    await bench.server.until(lambda: bench.server.of("a0"), "the child")

    await bench.server.push(frames.Drain("a new version"))
    bench.open_gate()

    assert await exit_code(bench) == frames.LEFT
    assert bench.server.actions[Key(1, "a0")].phase is Phase.SUCCEEDED


async def test_a_superseded_executor_ends_at_once(bench: Bench) -> None:
    await bench.start("sleeper", n=1)
    await bench.server.drop(4410)

    assert await exit_code(bench) == frames.LEFT


async def test_a_bad_token_ends_it_with_an_error(bench: Bench) -> None:
    bench.server.is_token_right = False
    await bench.launch()

    assert await exit_code(bench) == 77
    assert bench.server.tokens == ["Bearer secret-token"]


async def test_a_server_that_is_busy_is_asked_again(bench: Bench) -> None:
    bench.server.refuse = {"held.double": "resource_exhausted"}
    root = await bench.run("nested", n=4)

    assert root.phase is Phase.SUCCEEDED
    assert await bench.outputs("nested", root) == 9


async def test_a_refused_child_raises_in_its_parent(bench: Bench) -> None:
    bench.server.refuse = {"held.double": "invalid_argument"}
    root = await bench.run("nested", n=4)

    assert root.phase is Phase.FAILED
    assert root.failure is not None
    assert (root.failure.code, root.failure.kind) == ("INVALID_ARGUMENT", "system")
    assert "as the test wants it" in root.failure.message
