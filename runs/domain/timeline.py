"""Times of a run as offsets and text. Pure.

Bars are offsets from the run's start in milliseconds, not percentages: the axis grows while the run lasts, and what
is stored per row must not. CSS turns offsets into places (static/css/time/timeline.css), JS draws the axis (static/js/time/time-axis.js).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ms(at: datetime) -> int:
    """Whole milliseconds since 1970, as JavaScript's Date.parse reads the same moment."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def between_ms(start: datetime, end: datetime) -> int:
    """Milliseconds from start to end, never negative: clocks of two machines may disagree."""
    return max(0, round((end - start).total_seconds() * 1000))


def format_duration(ms: int) -> str:
    """A duration for people: `340 ms`, `4.2 s`, `1m 05s`, `2h 03m`, `1d 04h`. static/js/time/durations.js formats the same."""
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
class AttemptSpan:
    """When one attempt ran: the times of one lease of an action. outcome: "" while it is held; started_at None: it never entered user code."""

    outcome: str
    leased_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def began_at(self) -> datetime | None:
        """Where its part of the bar begins; None: it is still to begin."""
        return self.started_at or (self.leased_at if self.ended_at else None)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar. to_ms None: it is still growing."""

    kind: str  # "wait"; "run": what became of the action; "earlier"; or the outcome of an earlier attempt
    from_ms: int
    to_ms: int | None


def segments(
    origin: datetime,
    *,
    created: datetime,
    started: datetime | None,
    ended: datetime | None,
    attempts: Sequence[AttemptSpan] = (),
) -> tuple[Segment, ...]:
    """The bar of an action: a thin line while it waited, what it ran, and before that each attempt that was not the last.

    attempts: the newest ones, in order; none: it was never queued again.
    """
    parts = [_part(origin, one, ended) for one in attempts if one.began_at]
    if started and not parts:
        parts = [Segment("run", between_ms(origin, started), between_ms(origin, ended) if ended else None)]
    elif started and attempts[0].leased_at > started:
        parts.insert(
            0, Segment("earlier", between_ms(origin, started), between_ms(origin, attempts[0].leased_at))
        )
    wait = _wait(between_ms(origin, created), parts, between_ms(origin, ended) if ended else None)
    return (*wait, *parts)


def _part(origin: datetime, one: AttemptSpan, ended: datetime | None) -> Segment:
    began = between_ms(origin, one.began_at or one.leased_at)
    if one.ended_at is None:
        return Segment("run", began, None)
    # The attempt with which the action ended gets the colour of the action.
    kind = "run" if one.ended_at == ended else one.outcome.replace("_", "-")
    return Segment(kind, began, between_ms(origin, one.ended_at))


def _wait(begins: int, parts: Sequence[Segment], ended: int | None) -> tuple[Segment, ...]:
    """One line behind all attempts: it shows between them, and after the last one when that was not the end."""
    until = ended
    if parts and (parts[-1].to_ms is None or parts[-1].to_ms == ended):
        until = parts[-1].from_ms
    return () if until == begins and parts else (Segment("wait", begins, until),)
