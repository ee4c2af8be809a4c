"""What is due by the clock in the whole installation. One web process at a time sweeps it.

Each sweep finds with one statement or two and writes only when there is something to do. Finding and settling the same thing
twice is harmless, so the lock saves work and is not what makes the sweeps right. `runs/live/housekeeping.py` is the loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from runs.engine import escalation, limits, locks
from runs.engine.executors import heartbeats, scheduling
from runs.engine.images import builds
from runs.store.clock import wall_time

LOCK = "housekeeping"
LOCK_SECONDS = 6.0  # how long nobody sweeps after the holder has died
RENEW_SECONDS = 2.0
_OVERLAP = timedelta(seconds=LOCK_SECONDS)


@dataclass(frozen=True, slots=True)
class Sweep:
    """find: what is due, or something false; settle: takes it, in transactions of its own."""

    name: str
    find: Callable[[], Any]
    settle: Callable[[Any], object]


def take_lock(holder: str) -> bool:
    """Whether this web process is to sweep; to be asked again every RENEW_SECONDS."""
    return locks.take(LOCK, holder, seconds=LOCK_SECONDS)


def release_lock(holder: str) -> None:
    locks.release(LOCK, holder)


class LimitSweep:
    """Limits that have passed (queue timeouts, runtimes, deadlines), and retries whose wait has ended since the last time."""

    def __init__(self) -> None:
        self._since = wall_time() - _OVERLAP

    def find(self) -> float:
        """In how many seconds the next one is due; not more than 0 when it is."""
        next_at, now = limits.find_next(self._since), wall_time()
        if next_at is not None and next_at <= now:
            return 0.0
        self._since = now
        return math.inf if next_at is None else (next_at - now).total_seconds()

    def settle(self) -> None:
        now = wall_time()
        limits.expire(now, since=self._since)
        self._since = now


def find_overdue() -> list[escalation.Overdue]:
    return escalation.find_overdue(wall_time())


# In this order: an executor that was silent may be lost.
EXECUTOR_SWEEPS = (
    Sweep("silent executors", heartbeats.has_silent, lambda _: heartbeats.disconnect_silent()),
    Sweep("unproved executors", heartbeats.find_unproved, heartbeats.stop_unproved),
    Sweep("orphaned executors", scheduling.find_orphaned, scheduling.end_lost),
    Sweep("overdue refusals", find_overdue, escalation.stop_overdue),
    Sweep("images", builds.find_due, builds.settle),
)
