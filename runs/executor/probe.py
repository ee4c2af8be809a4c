"""Watches the user's loop from the link's thread: user code may block it, and only a third party can say so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from runs.executor.closing import stack_of_loop

PROBE_SECONDS = 0.5
BLOCKED_SECONDS = 2.0


class LoopProbe:
    """Asks the loop to answer, again and again. `changed` is called on the link's thread with (answers?, stack)."""

    def __init__(self, loop: asyncio.AbstractEventLoop, changed: Callable[[bool, str], None]) -> None:
        self._loop = loop
        self._changed = changed
        self._asked_at: float | None = None
        self._is_responsive = True

    async def run(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(PROBE_SECONDS)

    def look(self) -> None:
        """One look: ask if the last question was answered, else see how long that is ago."""
        now = time.monotonic()
        if self._asked_at is None:
            if not self._is_responsive:
                self._is_responsive = True
                self._changed(True, "")
            self._asked_at = now
            self._loop.call_soon_threadsafe(self._answer)
        elif self._is_responsive and now - self._asked_at >= BLOCKED_SECONDS:
            self._is_responsive = False
            self._changed(False, stack_of_loop())

    def _answer(self) -> None:
        self._asked_at = None
