"""The time that the engine writes and compares: the wall clock, which in one process never goes back.

When somebody sets the clock of the machine back, grace periods and timeouts go on by the monotonic clock until the wall clock has
caught up. So no end is before its start, and nothing waits an hour longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from django.utils import timezone


class SteadyClock:
    """Called for the time. wall, monotonic: what it reads."""

    def __init__(
        self, wall: Callable[[], datetime] = timezone.now, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._lock = Lock()
        self._last, self._last_seconds = wall(), monotonic()

    def __call__(self) -> datetime:
        with self._lock:
            wall, seconds = self._wall(), self._monotonic()
            least = self._last + timedelta(seconds=seconds - self._last_seconds)
            if wall < self._last:
                wall = max(least, self._last)
            self._last, self._last_seconds = wall, seconds
            return wall


wall_time = SteadyClock()
