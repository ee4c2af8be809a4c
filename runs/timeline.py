"""Times of a run as offsets and words. Pure.

Bars are offsets from the run's start in milliseconds, not percentages: the axis grows while the run lasts, and what
is stored per row must not. CSS turns offsets into places (static/css/tree.css), JS draws the axis (static/js/clock.js).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def to_ms(at: datetime) -> int:
    """Milliseconds since 1970, as JavaScript counts."""
    return round(at.timestamp() * 1000)


def between_ms(start: datetime, end: datetime) -> int:
    """Milliseconds from start to end, never negative: clocks of two machines may disagree."""
    return max(0, round((end - start).total_seconds() * 1000))


def duration_words(ms: int) -> str:
    """Say a duration: `340 ms`, `4.2 s`, `1m 05s`, `2h 03m`, `1d 04h`. static/js/time.js says the same."""
    if ms < SECOND:
        return f"{ms} ms"
    if ms < MINUTE:
        return f"{ms // 100 / 10:.1f} s"
    if ms < HOUR:
        return f"{ms // MINUTE}m {ms % MINUTE // SECOND:02}s"
    if ms < DAY:
        return f"{ms // HOUR}h {ms % HOUR // MINUTE:02}m"
    return f"{ms // DAY}d {ms % DAY // HOUR:02}h"


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar. to_ms None: it is still growing."""

    kind: str  # "wait" or "run"
    from_ms: int
    to_ms: int | None


def segments(
    origin: datetime, *, created: datetime, started: datetime | None, ended: datetime | None
) -> tuple[Segment, ...]:
    """The bar of an action: the wait before it started, and what it ran."""
    wait_from = between_ms(origin, created)
    wait_until = started or ended
    wait = Segment("wait", wait_from, between_ms(origin, wait_until) if wait_until else None)
    if started is None:
        return (wait,)
    run = Segment("run", between_ms(origin, started), between_ms(origin, ended) if ended else None)
    return (run,) if wait.to_ms == wait.from_ms else (wait, run)
