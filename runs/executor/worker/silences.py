"""Notices executors that can report nothing, because native code in one of their actions keeps Python's lock.

The thread that links an executor to the server needs that lock too, so the worker reports in its place that its event loop is
blocked. What it knows is in the executor's record: when that thread last ran, who has the loop, who works in which thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from runs.executor.attempt.record import Holder, Read, read_record
from runs.executor.worker import locks
from runs.executor.worker.crashes import user_calls
from runs.executor.worker.launchers import Running
from runs.protocol import frames, worker_frames

LOOK_SECONDS = 0.5
# From then on its stack is asked for; the next look reports it.
SILENT_SECONDS = 1.0
# The same where no step has lasted as long, so that something else may keep its thread from running.
UNEXPLAINED_SECONDS = 4.0

Report = Callable[[worker_frames.Silence], Awaitable[None]]


class _Silent(NamedTuple):
    """An executor that was found silent. stack_from: where in its file the stack begins that was asked for."""

    pulse_ns: int
    stack_from: int
    is_reported: bool = False


class Silences:
    """Of the executors of one worker."""

    def __init__(self, home: str, running: Mapping[str, Running], report: Report) -> None:
        self._home = home
        self._running = running
        self._report = report
        self._silent: dict[str, _Silent] = {}

    def holds(self, executor: str) -> bool:
        """Whether this executor is silent, so that it does not react to a request to stop."""
        return executor in self._silent

    def report_again(self) -> None:
        """The server may not have got the reports."""
        self._silent.clear()

    async def run(self) -> None:
        while True:
            for executor, running in list(self._running.items()):
                await self._look(executor, running)
            for executor in self._silent.keys() - self._running.keys():
                del self._silent[executor]
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, executor: str, running: Running) -> None:
        try:
            record = read_record(locks.path_of(self._home, executor))
        except OSError:
            return
        if record is None or not record.pulse_ns:
            return
        known = self._silent.get(executor)
        if known is not None and known.pulse_ns != record.pulse_ns:
            del self._silent[executor]
            if known.is_reported:
                state = frames.LoopState(responsive=True, at=frames.now_us())
                await self._report(worker_frames.Silence(executor, state))
        elif record.collects:
            return
        elif known is None and is_silent(record):
            self._silent[executor] = _Silent(record.pulse_ns, len(record.stack))
            if is_computing(running.pid):
                running.ask_for_stack()
        elif known is not None and not known.is_reported:
            self._silent[executor] = known._replace(is_reported=True)
            await self._report(
                worker_frames.Silence(
                    executor, describe(record, running.pid, record.stack[known.stack_from :])
                )
            )


def is_silent(record: Read) -> bool:
    limit = SILENT_SECONDS if has_long_step(record) else UNEXPLAINED_SECONDS
    return (time.monotonic_ns() - record.pulse_ns) / 1e9 >= limit


def has_long_step(record: Read) -> bool:
    return bool(record.since_ns) and (time.monotonic_ns() - record.since_ns) / 1e9 >= SILENT_SECONDS


def describe(record: Read, pid: int, written: str) -> frames.LoopState:
    """What an executor would report. written: what Python has written of the stack of its loop's thread."""
    now = time.monotonic_ns()
    at = frames.now_us()
    holder = find_holder(record, pid)
    is_step = holder is not None and holder == record.holder
    calls = user_calls([line for line in written.splitlines() if line.startswith("  ")]) if is_step else []
    since_ns = record.since_ns if is_step else record.pulse_ns
    return frames.LoopState(
        responsive=False,
        at=at,
        stack="\n".join(reversed(calls)),
        key=holder.key if holder else None,
        epoch=holder.epoch if holder else 0,
        since=at - (now - since_ns) // 1000,
    )


def find_holder(record: Read, pid: int) -> Holder | None:
    """The action whose code keeps the lock: all other threads wait for it, which the kernel knows."""
    if has_long_step(record) and not waits_for_lock(pid, pid):
        return record.holder
    busy = {work.holder for work in record.works.values() if not waits_for_lock(pid, work.native_id)}
    return busy.pop() if len(busy) == 1 else None


def is_computing(pid: int) -> bool:
    """Whether the main thread of this process is on a processor. A signal would end a wait of native code before its time."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "R"
    except (OSError, IndexError):
        return False


def waits_for_lock(pid: int, thread: int) -> bool:
    """Whether a thread of this process waits for a lock. False where the system does not say."""
    try:
        return "futex" in Path(f"/proc/{pid}/task/{thread}/wchan").read_text()
    except OSError:
        return False
