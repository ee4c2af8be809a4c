"""What the last actions of a task came to: a bar for each, how many succeeded, how long they took."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from runs.domain.phases import TERMINAL, Phase
from runs.domain.timeline import between_ms, format_duration

HEIGHT = 40  # of the drawing in which the bars stand
STEP = 8  # from one bar to the next
LEAST_HEIGHT = 3  # what took no time is seen
_SUCCESSES = frozenset({Phase.SUCCEEDED, Phase.RECOVERED})
_FAILURES = frozenset({Phase.FAILED, Phase.TIMED_OUT})


@dataclass(frozen=True, slots=True)
class Outcome:
    """One action of a task. status: its display status; took_from, ended_at: None for what has not started or ended."""

    task: str
    path: str
    run: str
    action: str
    phase: Phase
    status: str
    status_label: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    inputs: str = ""
    error: str = ""
    is_cached: bool = False

    def took_ms(self, now: datetime) -> int | None:
        """How long it ran, or has run until now; None for what did not run."""
        if self.started_at is None or self.is_cached:
            return None
        return between_ms(self.started_at, self.ended_at or now)


@dataclass(frozen=True, slots=True)
class OutcomeBar:
    """x, y, height: where its bar is in the drawing, of which y grows downwards."""

    outcome: Outcome
    duration: str
    height: int
    x: int = 0

    @property
    def y(self) -> int:
        return HEIGHT - self.height

    @property
    def text(self) -> str:
        """What a pointer and a screen reader are told."""
        one = self.outcome
        took = f" after {self.duration}" if self.duration and one.ended_at else ""
        took = f" for {self.duration}" if self.duration and not one.ended_at else took
        inputs = f", {one.inputs}" if one.inputs else ""
        return f"{one.status_label}{took}: {one.action} of run {one.run}{inputs}"


@dataclass(frozen=True, slots=True)
class Numbers:
    """ended: of how many the rate is; aborted ones have no part in it. rate: percent, "" of none. p50, p95: of what succeeded."""

    ended: int
    succeeded: int
    aborted: int
    rate: str
    p50: str
    p95: str


def bars_of(outcomes: Sequence[Outcome], now: datetime) -> tuple[OutcomeBar, ...]:
    """Oldest first, as a time line is read; given newest first. The longest one is as high as the drawing."""
    took = [one.took_ms(now) for one in outcomes]
    longest = max((ms for ms in took if ms is not None), default=0) or 1
    pairs = reversed(list(zip(outcomes, took, strict=True)))
    return tuple(
        OutcomeBar(
            one,
            "" if ms is None else format_duration(ms),
            LEAST_HEIGHT if ms is None else max(LEAST_HEIGHT, round(HEIGHT * ms / longest)),
            x=at * STEP,
        )
        for at, (one, ms) in enumerate(pairs)
    )


def words_of(outcomes: Sequence[Outcome]) -> str:
    """A drawing of them in words: `Last 10: 8 succeeded, 2 failed`."""
    counts: dict[str, int] = {}
    for one in outcomes:
        counts[one.status_label.lower()] = counts.get(one.status_label.lower(), 0) + 1
    said = ", ".join(f"{number} {label}" for label, number in sorted(counts.items(), key=lambda of: -of[1]))
    return f"Last {len(outcomes)}: {said}"


def numbers_of(outcomes: Sequence[Outcome]) -> Numbers:
    """Of those that have ended."""
    ended = [one for one in outcomes if one.phase in TERMINAL]
    succeeded = [one for one in ended if one.phase in _SUCCESSES]
    counted = len(succeeded) + sum(one.phase in _FAILURES for one in ended)
    times = sorted(ms for one in succeeded if one.ended_at and (ms := one.took_ms(one.ended_at)) is not None)
    return Numbers(
        ended=counted,
        succeeded=len(succeeded),
        aborted=len(ended) - counted,
        rate=f"{_percent(len(succeeded), counted)}%" if counted else "",
        p50=_percentile(times, 0.5),
        p95=_percentile(times, 0.95),
    )


def _percent(part: int, whole: int) -> int:
    """Never 100 while one failed, never 0 while one succeeded."""
    exact = 100 * part / whole
    return math.floor(exact) if exact >= 1 else math.ceil(exact)


def _percentile(times: Sequence[int], share: float) -> str:
    """The nearest rank: a duration that there was."""
    return format_duration(times[math.ceil(share * len(times)) - 1]) if times else ""
