"""The minimap over a run's tree: how many actions ran when, what became of them, and where some failed.

It is drawn of sums that the database makes, never of single actions, and kept until the run has changed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from runs.domain.phases import LIVE, Phase
from runs.queries.minimap import Span, count_most_at_once, list_spans
from runs.tree.snapshot import Snapshot

BUCKETS = 120
HEIGHT = 100  # of the drawing, in its own units
TICK = 30  # how far a failure reaches down
KEPT_RUNS = 64
FRESH_SECONDS = 1.5  # a live run's minimap is drawn at most so often, however many pages show it
FRESH_TIMES = (
    20  # and it stays so many times as long as counting takes, which for 100,000 actions is half a second
)
FAILED = frozenset({Phase.FAILED, Phase.TIMED_OUT})
# From the bottom up: successes are the base.
KINDS = ("succeeded", "failed", "aborted", "running")


@dataclass(frozen=True, slots=True)
class Area:
    """How many ran, of one kind and those below it: the path of an SVG."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Minimap:
    """Context of runs/time/_minimap_drawing.html. covers_ms: how much of the run it shows; peak: how many ran at once at most.

    The areas show averages of their bucket, the highest of them in full height: a peak may be shorter than a bucket.
    """

    seq: int
    covers_ms: int
    areas: tuple[Area, ...]  # those behind come first
    failures: str  # a path too
    peak: int
    failed: int
    is_over: bool
    width: int = BUCKETS
    height: int = HEIGHT


class Minimaps:
    """The minimaps of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[int, tuple[float, Minimap]] = {}  # until when each is fresh

    def get(self, snapshot: Snapshot, now_ms: int) -> Minimap:
        """The minimap of a run. now_ms: since it began. Raises NotFound.

        Two statements beside those of the snapshot, and none while nothing has changed or somebody has just asked.
        """
        seq, summary = snapshot.summarise()
        run_id = snapshot.head.id
        covers_ms = max(1, now_ms if summary.end_ms is None else summary.end_ms)
        with self._lock:
            fresh_until, kept = self._kept.get(run_id, (0.0, None))
        # What runs on and on changes nothing but the time.
        if kept and kept.seq == seq and covers_ms - kept.covers_ms <= covers_ms / BUCKETS:
            return kept
        begun = time.monotonic()
        if kept and not summary.is_over and begun < fresh_until:
            return kept
        spans = list_spans(run_id, origin=snapshot.head.created_at, bucket_ms=covers_ms / BUCKETS)
        peak = count_most_at_once(run_id)
        made = draw(spans, seq=seq, covers_ms=covers_ms, peak=peak, is_over=summary.is_over)
        now = time.monotonic()
        with self._lock:
            self._kept.pop(run_id, None)
            self._kept[run_id] = (now + max(FRESH_SECONDS, FRESH_TIMES * (now - begun)), made)
            if len(self._kept) > KEPT_RUNS:
                del self._kept[next(iter(self._kept))]
        return made


def draw(spans: Iterable[Span], *, seq: int, covers_ms: int, peak: int, is_over: bool) -> Minimap:
    """The minimap of these spans."""
    spans = list(spans)
    width = covers_ms / BUCKETS
    running = {
        kind: _running([span for span in spans if kind_of(span.phase) == kind], width) for kind in KINDS
    }
    stacked = [
        list(map(sum, zip(*rows, strict=True))) for rows in accumulate([[running[kind]] for kind in KINDS])
    ]
    highest = max(*stacked[-1], 1.0)
    drawn = [
        Area(kind, _steps(heights, highest))
        for kind, heights in zip(KINDS, stacked, strict=True)
        if any(running[kind])
    ]
    failed = [0] * BUCKETS
    for span in spans:
        if span.phase in FAILED and span.end is not None:
            failed[_inside(span.end)] += span.number
    return Minimap(
        seq=seq,
        covers_ms=covers_ms,
        areas=tuple(reversed(drawn)),
        failures="".join(f"M{at}.5 0V{TICK}" for at, number in enumerate(failed) if number),
        peak=peak,
        failed=sum(failed),
        is_over=is_over,
    )


def kind_of(phase: Phase) -> str:
    if phase in LIVE:
        return "running"
    if phase in FAILED:
        return "failed"
    return "aborted" if phase is Phase.ABORTED else "succeeded"


def _inside(bucket: int) -> int:
    return min(max(bucket, 0), BUCKETS - 1)


def _running(spans: Iterable[Span], width: float) -> list[float]:
    """How many ran in each bucket on average. Exact: the sums have how much of the first and the last bucket each took."""
    time_spent = [0.0] * BUCKETS
    whole = [0] * (BUCKETS + 1)  # changes of how many take a bucket from its begin to its end
    for span in spans:
        if span.start is None or span.start_ms is None:
            continue
        first = _inside(span.start)
        begin = span.start_ms if span.start == first else span.number * first * width
        last = BUCKETS - 1 if span.end is None else max(_inside(span.end), first)
        ends = span.number * (last + 1) * width
        if span.end == last and span.end_ms is not None:
            ends = span.end_ms
        if first == last:
            time_spent[first] += max(ends - begin, 0.0)
            continue
        time_spent[first] += span.number * (first + 1) * width - begin
        time_spent[last] += ends - span.number * last * width
        whole[first + 1] += span.number
        whole[last] -= span.number
    return [spent / width + full for spent, full in zip(time_spent, accumulate(whole), strict=False)]


def _steps(heights: Sequence[float], highest: float) -> str:
    """A path of steps; what ran at all shows."""
    tops = [HEIGHT - max(round(height / highest * HEIGHT), 2 if height else 0) for height in heights]
    steps = (f"H{at}V{top}" for at, (before, top) in enumerate(pairwise(tops), 1) if top != before)
    return f"M0 {HEIGHT}V{tops[0]}{''.join(steps)}H{BUCKETS}V{HEIGHT}Z"


shared = Minimaps()
