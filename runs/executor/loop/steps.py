"""Step accounting: which action has the processor, since when, and for how long each had it in all.

asyncio runs everything through handles, and each handle has the context in which it was asked for: a step of a task, a
timer, a callback, a reader. So one place sees all code of an action on its loop, and no coroutine has to be wrapped
(docs/decisions/0030).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

from runs.executor.attempt.attempt import CURRENT, Attempt
from runs.executor.attempt.long_steps import LONG_NS, LongSteps
from runs.executor.attempt.record import Record

BRIEF_NS = 5_000_000


class Step(NamedTuple):
    """What the loop is doing. since_ns: of the monotonic clock."""

    attempt: Attempt
    since_ns: int

    @property
    def seconds(self) -> float:
        # What its module took to be imported, in the same step, is not its code's.
        return (time.monotonic_ns() - max(self.since_ns, self.attempt.begun_ns)) / 1e9


class Steps:
    """The steps of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, record: Record) -> None:
        self._loop = loop
        self._record = record
        self._last: Attempt | None = None  # who is in the record
        self._long = LongSteps()
        self._holds_up: Callable[[Attempt], bool] = lambda _: True

    def now(self) -> Step | None:
        """The step that the loop is in; None while it waits or does what belongs to no action. Any thread."""
        since_ns = self._record.since[0]
        attempt = self._last
        # A step that ends meanwhile makes this wrong for an instant, which only a lock for each step could prevent.
        return Step(attempt, since_ns) if since_ns and attempt is not None else None

    def install(self, begin: Callable[[Attempt], None], holds_up: Callable[[Attempt], bool]) -> None:
        """Account from now on. Once in a process.

        begin: called before each step. holds_up: whether anybody else is on the loop who waits while this one has it.
        """
        self._holds_up = holds_up
        handles: Any = asyncio.Handle
        run_handle = handles._run
        loop, since, who, clock = self._loop, self._record.since, self._record.who, time.monotonic_ns
        long = self._long

        @wraps(run_handle)
        def run_step(handle: Any) -> None:
            if handle._loop is not loop or (attempt := handle._context.get(CURRENT)) is None:
                run_handle(handle)
                return
            if attempt is not self._last:
                who[:] = attempt.holder
                self._last = attempt
            begin(attempt)
            began = clock()
            if began >= long.due_ns:
                long.sample(began)
            since[0] = began
            try:
                run_handle(handle)
            finally:
                took = clock() - began
                attempt.processor_ns += took
                since[0] = 0
                if took >= LONG_NS:
                    self._note_long(attempt, began)

        handles._run = run_step

    def begin_code(self, attempt: Attempt) -> None:
        """Its code is next: what the loading of its module took, and waited for, in this same step is not its code's."""
        now = attempt.begun_ns = time.monotonic_ns()
        # What took no time has not waited.
        if now - self._record.since[0] >= BRIEF_NS or self._long.has_imported():
            self._long.sample(now)

    def _note_long(self, attempt: Attempt, began: int) -> None:
        """Remember for its end that it blocked the loop. What it did before its first line of code does not count."""
        if not attempt.begun_ns:
            return
        took = self._long.measure(max(began, attempt.begun_ns))
        if took > attempt.blocked_ns and self._holds_up(attempt):
            attempt.blocked_ns = took
