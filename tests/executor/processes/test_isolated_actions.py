"""Actions in processes of their own: how they end, what they print, and that nothing of them is left."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import msgspec

from runs.domain.phases import Phase
from runs.executor.worker import locks
from runs.protocol import frames
from runs.protocol.frames import Key
from tests.executor.conftest import Bench, note
from tests.support.executor.fake_server import FakeAction
from tests.support.executor.isolated import ROOT, events, running, until_gone, zygote_of
from tests.support.processes import is_alive
from tests.support.server import parts
from tests.support.server.server import wait_until


async def test_a_plain_function_runs_in_a_process_and_hands_its_output_up(bench: Bench) -> None:
    root = await bench.run("square", n=7)

    assert root.phase is Phase.SUCCEEDED
    assert await bench.outputs("square", root) == 49
    assert ("out", "square of 7\n") in bench.server.lines("a0")
    (started,), (finished,) = events(bench.server, frames.Started), events(bench.server, frames.Finished)
    assert started.at <= finished.at


async def test_no_more_run_at_a_time_than_are_allowed(bench: Bench) -> None:
    bench.processes = 3
    root = await bench.run("sums_squares", n=8)

    assert await bench.outputs("sums_squares", root) == sum(n * n for n in range(8))
    order = [
        1 if isinstance(event, frames.Started) else -1
        for event in bench.server.events
        if isinstance(event, frames.Started | frames.Finished) and event.key != ROOT
    ]
    assert max(sum(order[:end]) for end in range(len(order) + 1)) <= 3


async def test_all_output_of_the_process_is_in_the_log_before_the_end(bench: Bench) -> None:
    root = await bench.run("plain_talk")

    lines = bench.server.lines("a0")
    assert ("out", "out é\n") in lines
    assert ("err", "err\n") in lines
    assert ("out", "raw \\xfffrom a subprocess\n") in lines
    assert any(stream == "log" and "a log record" in text for stream, text in lines)
    assert not any("Flyte runtime" in text for stream, text in lines if stream != "log")
    log_and_end = [e for e in bench.server.events if isinstance(e, frames.LogLines | frames.Finished)]
    assert isinstance(log_and_end[-1], frames.Finished)
    assert await bench.outputs("plain_talk", root) == ["own runs package", "a0", "run1", "0"]


async def test_an_exception_is_told_with_its_own_code(bench: Bench) -> None:
    root = await bench.run("fails_plainly", message="no")

    assert root.failure is not None
    assert (root.failure.code, root.failure.message, root.failure.kind) == ("ValueError", "no", "user")


async def test_inputs_that_are_not_there_are_the_failure(bench: Bench) -> None:
    action = await bench.start("plain_sleeper", n=1)
    await bench.server.abort(action.key, note())
    await bench.server.until_ended(action.key)
    Path(action.input_uri.removeprefix("file://")).unlink()
    again = bench.server.actions[Key(2, "a0")] = FakeAction(
        Key(2, "a0"), "", action.spec, action.input_uri, f"{action.output_uri}/again", is_known_there=False
    )
    bench.server.runs[2] = msgspec.structs.replace(bench.server.runs[1], run=2)

    await bench.server.lease(again)
    root = await bench.server.until_ended(again.key)

    assert root.failure is not None
    assert root.failure.code == "FileNotFoundError"


async def test_an_abort_ends_the_process_and_reports_when_it_was_delivered(bench: Bench) -> None:
    (pid,) = await running(bench, "plain_sleeper", n=1)
    asked = note()

    await bench.server.abort(ROOT, asked)
    root = await bench.server.until_ended(ROOT)

    assert root.phase is Phase.ABORTED
    assert not is_alive(pid)
    (delivered,), (finished,) = events(bench.server, frames.Delivered), events(bench.server, frames.Finished)
    assert finished.outcome == "cancelled"
    assert asked.requested_at <= delivered.at <= finished.at


async def test_what_the_process_has_started_ends_with_it(bench: Bench) -> None:
    numbers = await running(bench, "plain_sleeper_with_a_process", 2)

    await bench.server.abort(ROOT, note())
    await bench.server.until_ended(ROOT)

    await until_gone(*numbers)


async def test_who_waits_for_a_slot_never_starts_when_it_is_aborted(bench: Bench) -> None:
    bench.processes = 2
    for run in (1, 2):
        await running(bench, "plain_sleeper", run=run, n=run)
    last = Key(3, "a0")
    await bench.start("plain_sleeper", run=last.run, n=0)

    await bench.server.abort(last, note())
    ended = await bench.server.until_ended(last)

    assert ended.phase is Phase.ABORTED
    assert events(bench.server, frames.Started, last) == []
    assert events(bench.server, frames.Delivered, last) == []


async def test_a_blocked_loop_does_not_hold_up_the_abort_of_a_process(bench: Bench) -> None:
    (pid,) = await running(bench, "plain_sleeper", n=1)
    await bench.start("blocks", run=2, seconds=3600.0)
    await bench.server.until(lambda: events(bench.server, frames.Started, Key(2, "a0")), "the block")

    await bench.server.abort(ROOT, note())
    await bench.server.until_ended(ROOT)

    assert not is_alive(pid)


async def test_an_orderly_stop_interrupts_the_process(bench: Bench) -> None:
    numbers = await running(bench, "plain_sleeper_with_a_process", 2)
    assert bench.process is not None

    bench.process.send_signal(signal.SIGTERM)
    await bench.process.wait()

    assert [event.outcome for event in events(bench.server, frames.Finished)] == ["interrupted"]
    await until_gone(*numbers)


async def test_processes_end_when_the_executor_is_killed(bench: Bench) -> None:
    numbers = await running(bench, "plain_sleeper_with_a_process", 2)
    assert bench.process is not None
    zygote = zygote_of(bench.process)

    bench.process.kill()

    await until_gone(zygote, *numbers)


async def test_a_lost_lease_ends_the_process_without_a_word(bench: Bench) -> None:
    (pid,) = await running(bench, "plain_sleeper", n=1)
    bench.server.kill = [ROOT]

    await bench.server.drop()
    await bench.server.until_connected(2)

    await until_gone(pid)
    assert events(bench.server, frames.Finished) == []


async def test_a_zygote_that_is_killed_is_made_again(bench: Bench) -> None:
    numbers = await running(bench, "plain_sleeper_with_a_process", 2)
    assert bench.process is not None

    os.kill(zygote_of(bench.process), signal.SIGKILL)
    root = await bench.server.until_ended(ROOT)
    again = await bench.run("square", run=2, n=3)

    await until_gone(*numbers)
    assert root.failure is not None
    assert root.failure.code == "Interrupted"
    assert await bench.outputs("square", again) == 9


async def test_a_zygote_that_was_made_again_counts_as_alive(bench: Bench) -> None:
    home = str(bench.folder / "home")
    await running(bench, "plain_sleeper", n=1)
    assert bench.process is not None
    os.kill(zygote_of(bench.process), signal.SIGKILL)
    await bench.server.until_ended(ROOT)
    await bench.run("square", run=2, n=3)
    executor = bench.process.pid
    await asyncio.to_thread(
        wait_until, lambda: len([*parts.children_of(executor)]) == 1, "the end of its shim is noticed", 10
    )
    (zygote,) = parts.children_of(executor)

    os.kill(zygote, signal.SIGSTOP)
    bench.process.kill()
    await bench.process.wait()

    assert locks.find_dead(home) == []
    os.kill(zygote, signal.SIGCONT)
    await until_gone(zygote)
    await asyncio.to_thread(wait_until, lambda: locks.find_dead(home) == ["e-1"], "it counts as dead", 10)
