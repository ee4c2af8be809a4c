"""Aborts, from outside and from code, as the actions feel them."""

from __future__ import annotations

from runs.domain.phases import Phase
from runs.protocol import frames
from runs.protocol.frames import Key
from tests.executor.conftest import Bench, note
from tests.support.executor.fake_server import FakeAction, FakeServer


def finished(server: FakeServer, key: Key) -> frames.Finished | None:
    return next((e for e in server.events if isinstance(e, frames.Finished) and e.key == key), None)


def delivered(server: FakeServer, key: Key) -> list[frames.Delivered]:
    return [e for e in server.events if isinstance(e, frames.Delivered) and e.key == key]


def aborted_by_code(server: FakeServer) -> list[Key]:
    return [e.key for e in server.events if isinstance(e, frames.AbortChild)]


async def running_children(bench: Bench, count: int, parent: str = "a0") -> list[FakeAction]:
    def all_print() -> bool:
        children = bench.server.of(parent)
        return len(children) == count and all(bench.server.lines(c.key.name) for c in children)

    await bench.server.until(all_print, f"{count} running children")
    return bench.server.of(parent)


async def test_law_5_the_task_gets_its_cancel_with_the_reason_and_may_clean_up(bench: Bench) -> None:
    await bench.start("sleeper", n=1)
    await bench.server.until(lambda: bench.server.lines("a0"), "the first line")
    asked = note("too slow")

    await bench.server.abort(Key(1, "a0"), asked)
    root = await bench.server.until_ended(Key(1, "a0"))

    assert root.phase is Phase.ABORTED
    assert ("out", "sleeper 1 got ('too slow',)\n") in bench.server.lines("a0")
    (instant,) = delivered(bench.server, Key(1, "a0"))
    report = finished(bench.server, Key(1, "a0"))
    assert report is not None
    assert report.outcome == "cancelled"
    assert asked.requested_at <= instant.at <= report.at


async def test_a_second_cancel_changes_nothing(bench: Bench) -> None:
    await bench.start("sleeper", n=1)
    await bench.server.until(lambda: bench.server.lines("a0"), "the first line")
    cancel = frames.Cancel(Key(1, "a0"), 1, note())

    await bench.server.push(frames.Cancels([cancel, cancel]))
    await bench.server.push(frames.Cancels([cancel]))
    await bench.server.until_ended(Key(1, "a0"))

    assert len(delivered(bench.server, Key(1, "a0"))) == 1


async def test_a_task_that_swallows_its_cancel_is_reported_as_it_ended(bench: Bench) -> None:
    await bench.start("stubborn")
    await bench.server.until(
        lambda: any(isinstance(e, frames.Started) for e in bench.server.events), "the start"
    )

    await bench.server.push(frames.Cancels([frames.Cancel(Key(1, "a0"), 1, note())]))
    await bench.server.until_ended(Key(1, "a0"))

    report = finished(bench.server, Key(1, "a0"))
    assert report is not None
    assert report.outcome == "succeeded"


async def test_law_8_a_lease_that_is_cancelled_at_once_never_runs_user_code(bench: Bench) -> None:
    action = await bench.start("sleeper", n=1)
    await bench.server.abort(action.key, note())
    await bench.server.until_ended(action.key)

    assert not any(isinstance(e, frames.Started | frames.LogLines) for e in bench.server.events)


async def test_law_9_gather_returns_the_abort_of_a_child_as_a_value(bench: Bench) -> None:
    await bench.start("gathers_sleepers", n=2)
    first, second = await running_children(bench, 2)

    for child in (first, second):
        await bench.server.abort(child.key, note("by hand", target=child.key.name))
    root = await bench.server.until_ended(Key(1, "a0"))

    assert root.phase is Phase.SUCCEEDED
    assert await bench.outputs("gathers_sleepers", root) == [
        f"True ActionAbortedError {child.key.name} alice by hand external abort" for child in (first, second)
    ]


async def test_law_9_an_uncaught_abort_of_a_child_fails_the_parent_with_its_code(bench: Bench) -> None:
    await bench.start("awaits_sleeper")
    (child,) = await running_children(bench, 1)

    await bench.server.abort(child.key, note("by hand", target=child.key.name))
    root = await bench.server.until_ended(Key(1, "a0"))

    assert root.phase is Phase.FAILED
    assert root.failure is not None
    assert root.failure.code == "ActionAbortedError"
    assert root.failure.message == f"Action {child.key.name} was aborted by alice: by hand (external abort)"


async def test_law_7_what_the_root_leaves_behind_is_not_aborted_by_code(bench: Bench) -> None:
    await bench.start("leaves_a_sleeper_behind")
    (child,) = await running_children(bench, 1)

    bench.open_gate()
    await bench.server.until_ended(Key(1, "a0"))
    ended = await bench.server.until_ended(child.key)

    assert ended.phase is Phase.ABORTED
    assert ended.note is not None
    assert ended.note.cause == "root ended"
    assert ("out", "sleeper 0 got ('root ended',)\n") in bench.server.lines(child.key.name)
    assert aborted_by_code(bench.server) == []


async def test_law_8_cancelling_the_awaiting_tasks_aborts_the_children(bench: Bench) -> None:
    await bench.start("cancels_sleepers", n=20)
    children = await running_children(bench, 20)

    bench.open_gate()
    root = await bench.server.until_ended(Key(1, "a0"))
    for child in children:
        await bench.server.until_ended(child.key)

    assert root.phase is Phase.SUCCEEDED
    assert {child.phase for child in children} == {Phase.ABORTED}
    assert {child.note.cause for child in children if child.note} == {"cancelled by parent"}
    assert sorted(aborted_by_code(bench.server)) == sorted(child.key for child in children)


async def test_law_8_a_child_cancelled_before_it_was_sent_is_never_enqueued(bench: Bench) -> None:
    root = await bench.run("cancels_before_it_is_sent")

    assert root.phase is Phase.SUCCEEDED
    assert bench.server.of("a0") == []


async def test_awaiting_something_cancelled_is_a_failure_and_not_an_abort(bench: Bench) -> None:
    root = await bench.run("awaits_something_cancelled")

    assert root.phase is Phase.FAILED
    assert root.failure is not None
    assert root.failure.code == "CancelledError"


async def test_a_cancel_is_delivered_only_to_what_has_started(bench: Bench) -> None:
    """However soon it comes after the lease: here while the loop begins with all of them."""
    await bench.start("sleeper", n=0)
    await bench.server.until(lambda: bench.server.lines("a0"), "the first line")
    actions = [await bench.prepare("sleeper", run=run, n=run) for run in range(2, 102)]

    await bench.server.lease(*actions)
    await bench.server.abort_all([action.key for action in actions], note())

    for action in actions:
        assert (await bench.server.until_ended(action.key)).phase is Phase.ABORTED
    started = {event.key for event in bench.server.events if isinstance(event, frames.Started)}
    delivered = {event.key for event in bench.server.events if isinstance(event, frames.Delivered)}
    assert delivered <= started
