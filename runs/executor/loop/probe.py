"""Detects a user's loop that is blocked, from the link's thread, because a blocked loop cannot detect it itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from runs.executor.attempt.long_steps import COLLECTIONS
from runs.executor.attempt.stacks import stack_of_loop
from runs.executor.attempt.state import State
from runs.executor.loop.steps import Step, Steps

PROBE_SECONDS = 0.25
_SCHEDULING = Path(
    "/proc/self/schedstat"
)  # of the main thread: nanoseconds on a processor, and waiting for one
STEP_SECONDS = 1.0  # one step that takes so long blocks the loop
BLOCKED_SECONDS = 2.0  # so does whatever keeps it from responding for so long, many short steps too


class Block(NamedTuple):
    """Why the loop does not respond. step: None where what runs belongs to no action; seconds: for how long already."""

    step: Step | None
    seconds: float
    stack: str


class LoopProbe:
    """Has the loop run a callback periodically. `changed` is called on the link's thread: with a block, or None after it.

    When the next step blocks the loop before it could respond, it is called with that one. What a busy machine keeps from
    running, does not block: the time for which the loop's thread has waited for a processor does not count. Nor does what
    Python's collector of garbage has taken.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        steps: Steps,
        beat: Callable[[], None],
        changed: Callable[[Block | None], None],
    ) -> None:
        """beat: called each time, for the worker, which looks for code that keeps Python's lock from this thread, too."""
        self._loop = loop
        self._steps = steps
        self._beat = beat
        self._changed = changed
        self._checked_at = time.monotonic()
        self._posted_at: float | None = None
        self._block: Block | None = None
        self._delayed = (
            0.0  # seconds that its thread had waited for a processor, when the loop last responded
        )

    async def run(self) -> None:
        while True:
            self.check()
            await asyncio.sleep(PROBE_SECONDS)

    def check(self) -> None:
        """Post the next callback if the last one has run, else look for what keeps it."""
        self._beat()
        before, self._checked_at = self._checked_at, time.monotonic()
        if self._checked_at - before >= BLOCKED_SECONDS and self._block is None:
            # This thread did not run either, so the worker may have reported a block. What still lasts is found next time.
            self._changed(None)
            return
        if self._posted_at is None:
            if self._block is not None:
                self._block = None
                self._changed(None)
            self._posted_at, self._delayed = time.monotonic(), seconds_delayed()
            self._loop.call_soon_threadsafe(self._responded)
        elif (block := self._find(time.monotonic() - self._posted_at)) is not None:
            self._block = block
            self._changed(block)

    def _find(self, waited: float) -> Block | None:
        """The block to report, if there is one that was not reported before."""
        step, delayed = self._steps.now(), seconds_delayed() - self._delayed
        # While modules are imported, others had better wait: elsewhere they would be imported again.
        limit = (
            STEP_SECONDS if step and step.attempt.state in {State.RUNNING, State.CLOSED} else BLOCKED_SECONDS
        )
        if step is not None and step.seconds - delayed >= limit:
            is_known = self._block is not None and self._block.step == step
            return None if is_known else Block(step, step.seconds, stack_of_loop())
        if self._block is None and waited - delayed >= BLOCKED_SECONDS:
            return Block(None, waited, stack_of_loop())
        return None

    def _responded(self) -> None:
        self._posted_at = None


def seconds_delayed() -> float:
    """How long the main thread, which runs the user's loop, has waited in all: for a processor, as far as the system says
    that, and for Python's collector of garbage, which works in whatever step it comes due.
    """
    try:
        delayed = int(_SCHEDULING.read_text().split()[1])
    except (OSError, IndexError):
        delayed = 0
    return (delayed + COLLECTIONS.total_ns) / 1e9
