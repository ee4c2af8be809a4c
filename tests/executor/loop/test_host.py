"""Actions as asyncio tasks of one process, with the real SDK and a real socket."""

from __future__ import annotations

from runs.domain.phases import Phase
from runs.protocol.frames import Key
from tests.executor.conftest import Bench


async def test_nested_tasks_run_and_hand_their_outputs_up(bench: Bench) -> None:
    root = await bench.run("fan_out", n=5)

    assert root.phase is Phase.SUCCEEDED
    assert await bench.outputs("fan_out", root) == sum(n * 2 + 1 for n in range(5))
    assert len(bench.server.actions) == 11
    assert {action.phase for action in bench.server.actions.values()} == {Phase.SUCCEEDED}


async def test_a_failing_child_raises_in_its_parent_with_its_own_code(bench: Bench) -> None:
    root = await bench.run("catches_failure")

    assert await bench.outputs("catches_failure", root) == "RuntimeUserError ValueError I will fail!"
    (child,) = bench.server.of("a0")
    assert child.phase is Phase.FAILED
    assert child.failure is not None
    assert (child.failure.code, child.failure.message, child.failure.kind) == (
        "ValueError",
        "I will fail!",
        "user",
    )
    assert child.failure.recoverable


async def test_an_uncaught_failure_fails_the_root(bench: Bench) -> None:
    root = await bench.run("failing", message="no")

    assert root.phase is Phase.FAILED
    assert root.failure is not None
    assert root.failure.code == "ValueError"


async def test_two_runs_share_the_process(bench: Bench) -> None:
    first = await bench.start("fan_out", n=3, run=1)
    second = await bench.start("fan_out", n=4, run=2)

    await bench.server.until_ended(first.key)
    await bench.server.until_ended(second.key)

    assert await bench.outputs("fan_out", first) == 9
    assert await bench.outputs("fan_out", second) == 16
    assert len(bench.server.hellos) == 1
    assert Key(2, "a0") in bench.server.actions
