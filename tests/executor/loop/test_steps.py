"""Step accounting on a real loop: whose code runs, since when, and what of it can be read from outside."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import os
import sys
import threading
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from runs.executor.attempt import long_steps
from runs.executor.attempt.attempt import CURRENT, Attempt
from runs.executor.attempt.record import Record, read_record
from runs.executor.loop.steps import Steps
from runs.protocol.frames import Key, Lease, RunInfo

RUN = RunInfo(7, "local", "flytesnacks", "development", "r7f3", "", "", "")


class Accounted:
    """A loop whose steps are accounted for, and the file of its record."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.loop = asyncio.new_event_loop()
        self._fd = os.open(file, os.O_CREAT | os.O_RDWR)
        self.steps = Steps(self.loop, Record(self._fd))
        self.lone: list[Attempt] = []  # who is alone on the loop

    def start(self, attempt: Attempt, code: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        context = contextvars.Context()
        context.run(CURRENT.set, attempt)
        return self.loop.create_task(code, context=context)

    def run(self, *tasks: asyncio.Task[Any]) -> None:
        self.loop.run_until_complete(asyncio.wait(tasks, timeout=10))

    def close(self) -> None:
        self.loop.close()
        os.close(self._fd)


@pytest.fixture
def accounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Accounted]:
    monkeypatch.setattr(asyncio.Handle, "_run", asyncio.Handle._run)  # put back at the end
    made = Accounted(tmp_path / "e-1.lock")
    made.steps.install(begin=lambda _: None, holds_up=lambda one: one not in made.lone)
    yield made
    made.close()


def attempt(name: str, epoch: int = 1) -> Attempt:
    return Attempt(Lease(Key(7, name), epoch, 1, "", ""), RUN)


def running(name: str) -> Attempt:
    made = attempt(name)
    made.begun_ns = time.monotonic_ns()
    return made


def spin(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def test_asyncio_still_runs_everything_through_handles_with_a_context():
    # On this private method the accounting is built; a loop that runs callbacks otherwise would not be accounted for.
    assert inspect.isfunction(asyncio.Handle._run)
    assert "handle._run()" in inspect.getsource(vars(asyncio.BaseEventLoop)["_run_once"])
    assert {"_loop", "_context"} <= set(asyncio.Handle.__slots__)


def test_the_record_names_the_action_that_has_the_processor(accounted: Accounted):
    left, right = attempt("a0-left", epoch=3), attempt("a0-right")
    seen = []

    async def look() -> None:
        seen.append((read_record(accounted.file), accounted.steps.now()))
        await asyncio.sleep(0)
        seen.append((read_record(accounted.file), accounted.steps.now()))

    before = time.monotonic_ns()
    accounted.run(accounted.start(left, look()))
    accounted.run(accounted.start(right, look()))

    for (record, step), expected in zip(seen, [left, left, right, right], strict=True):
        assert record is not None
        assert step is not None
        assert (record.key, record.epoch) == (expected.key, expected.lease.epoch)
        assert before < record.since_ns == step.since_ns < time.monotonic_ns()
        assert record.thread == threading.get_ident()
        assert step.attempt is expected
    record = read_record(accounted.file)
    assert record is not None
    assert record.since_ns == 0
    assert accounted.steps.now() is None


def test_each_action_is_charged_for_its_own_time_only(accounted: Accounted):
    busy, idle = attempt("busy"), attempt("idle")

    async def spins() -> None:
        # What it starts is its own: tasks, timers, callbacks.
        await asyncio.create_task(spins_once())
        called = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, spin_and_set, called)
        await called.wait()
        spin(0.05)

    async def spins_once() -> None:
        spin(0.05)

    def spin_and_set(called: asyncio.Event) -> None:
        spin(0.05)
        called.set()

    accounted.run(accounted.start(busy, spins()), accounted.start(idle, asyncio.sleep(0)))

    assert busy.processor_ns / 1e9 >= 0.15
    assert idle.processor_ns / 1e9 < 0.05


def block(seconds: float) -> None:
    """As native code does that waits."""
    threading.Event().wait(seconds)


async def keeps_loop(seconds: float = 0.6) -> None:
    block(seconds)


def test_a_long_step_is_remembered_for_the_end_of_its_action(accounted: Accounted):
    blocks, brief = running("blocks"), running("brief")

    async def blocks_twice() -> None:
        await keeps_loop(0.6)
        await asyncio.sleep(0)
        await keeps_loop(0.8)
        await asyncio.sleep(0)
        await keeps_loop(0.6)

    accounted.run(accounted.start(blocks, blocks_twice()), accounted.start(brief, keeps_loop(0.01)))

    assert blocks.blocked_ns > 0.7e9
    assert brief.blocked_ns == 0


def test_before_its_first_line_of_code_and_where_nobody_waits_it_blocks_nobody(accounted: Accounted):
    loading, lone = attempt("loading"), running("lone")
    accounted.lone.append(lone)

    accounted.run(accounted.start(loading, keeps_loop()), accounted.start(lone, keeps_loop()))

    assert loading.blocked_ns == lone.blocked_ns == 0


def test_of_a_step_in_which_its_code_begins_the_rest_counts(accounted: Accounted):
    one = attempt("one")

    async def imports_and_begins() -> None:
        block(0.6)
        accounted.steps.begin_code(one)

    accounted.run(accounted.start(one, imports_and_begins()))

    assert one.blocked_ns == 0


def test_what_a_step_waited_for_and_imported_before_its_code_began_excuses_nothing_after_it(
    accounted: Accounted, monkeypatch: pytest.MonkeyPatch
):
    one = attempt("one")
    waited = 0
    monkeypatch.setattr(long_steps, "read_delay_ns", lambda: waited)

    async def imports_begins_and_blocks() -> None:
        nonlocal waited
        waited += 7_000_000_000
        monkeypatch.setitem(sys.modules, "imported_before", ModuleType("imported_before"))
        accounted.steps.begin_code(one)
        block(0.6)

    accounted.run(accounted.start(one, imports_begins_and_blocks()))

    assert one.blocked_ns > 0.5e9


def test_what_waited_for_a_processor_did_not_block(accounted: Accounted, monkeypatch: pytest.MonkeyPatch):
    waited = iter([7_000_000_000, 7_600_000_000])
    monkeypatch.setattr(long_steps, "read_delay_ns", lambda: next(waited, 7_600_000_000))
    monkeypatch.setattr(long_steps, "SAMPLE_NS", 10**12)
    one = running("one")

    accounted.run(accounted.start(one, keeps_loop()))

    assert one.blocked_ns == 0


def test_what_the_collector_of_garbage_took_is_nobodys(accounted: Accounted, monkeypatch: pytest.MonkeyPatch):
    one = running("one")
    collections = long_steps.Collections()
    monkeypatch.setattr(long_steps, "COLLECTIONS", collections)
    marks: list[bool] = []
    collections.watch(marks.append)
    # Called while a collection lasts, on the same thread.
    gc.callbacks.append(lambda phase, _: spin(0.6) if phase == "start" else None)

    async def collects() -> None:
        gc.collect()

    gc.disable()  # this collection, and none of the collector's own
    try:
        accounted.run(accounted.start(one, collects()))
    finally:
        gc.enable()
        del gc.callbacks[-2:]

    assert marks == [True, False]
    assert collections.total_ns > 0
    assert one.blocked_ns == 0


def test_what_other_threads_may_have_had_the_lock_for_is_not_charged(
    accounted: Accounted, monkeypatch: pytest.MonkeyPatch
):
    used = iter([7_000_000_000, 7_600_000_000])
    monkeypatch.setattr(time, "process_time_ns", lambda: time.thread_time_ns() + next(used, 7_600_000_000))
    monkeypatch.setattr(long_steps, "SAMPLE_NS", 10**12)
    one = running("one")

    accounted.run(accounted.start(one, keeps_loop()))

    assert one.blocked_ns == 0


def test_modules_that_the_code_imports_are_not_its_manners(
    accounted: Accounted, monkeypatch: pytest.MonkeyPatch
):
    one = running("one")

    async def imports() -> None:
        monkeypatch.setitem(sys.modules, "imported_by_a_step", ModuleType("imported_by_a_step"))
        block(0.3)

    accounted.run(accounted.start(one, imports()))

    assert one.blocked_ns == 0


def test_a_step_that_raises_is_over(accounted: Accounted):
    failing = attempt("failing")

    async def leaves() -> None:
        raise SystemExit(3)

    task = accounted.start(failing, leaves())
    with pytest.raises(SystemExit):
        accounted.loop.run_until_complete(task)

    assert isinstance(task.exception(), SystemExit)
    assert accounted.steps.now() is None


def test_another_loop_is_not_accounted_for(accounted: Accounted):
    other = attempt("other")

    def elsewhere() -> None:
        CURRENT.set(other)
        asyncio.run(asyncio.sleep(0))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join(10)

    assert other.processor_ns == 0
    assert read_record(accounted.file) is None
