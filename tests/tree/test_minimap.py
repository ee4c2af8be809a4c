from __future__ import annotations

import random
import re

import pytest

from runs.domain.phases import Phase
from runs.queries.minimap import Span
from runs.tree.minimap import BUCKETS, HEIGHT, Minimap, draw

STEP = re.compile(r"(?:H(\d+))?V(\d+)")


def span(phase: Phase, start: float | None, end: float | None, bucket_ms: float) -> Span:
    """Of one action, as the database counts it."""
    start_at = None if start is None else int(start // bucket_ms)
    return Span(phase, start_at, None if end is None else int(end // bucket_ms), 1, start, end)


def heights(path: str) -> list[int]:
    """Of each bucket, as the path draws it."""
    found = [0] * BUCKETS
    for at, top in STEP.findall(path.removesuffix("Z")):
        if at != str(BUCKETS):
            found[int(at or 0) :] = [HEIGHT - int(top)] * (BUCKETS - int(at or 0))
    return found


def drawn(*spans: Span, covers_ms: int = 1200) -> Minimap:
    return draw(spans, seq=1, covers_ms=covers_ms, peak=len(spans), is_over=True)


def test_what_ran_has_the_height_of_how_many_ran():
    found = drawn(span(Phase.SUCCEEDED, 0, 600, 10), span(Phase.SUCCEEDED, 300, 600, 10))

    assert [area.kind for area in found.areas] == ["succeeded"]
    assert heights(found.areas[0].path) == [50] * 30 + [100] * 30 + [0] * 60
    assert (found.peak, found.failed, found.failures) == (2, 0, "")


def test_what_still_runs_reaches_to_the_end():
    found = drawn(span(Phase.RUNNING, 600, None, 10), span(Phase.SUCCEEDED, 0, 600, 10))

    assert [area.kind for area in found.areas] == ["running", "succeeded"]
    assert heights(found.areas[0].path) == [100] * 120
    assert heights(found.areas[1].path) == [100] * 60 + [0] * 60


def test_what_lasted_less_than_a_bucket_shows_all_the_same():
    found = drawn(span(Phase.SUCCEEDED, 0, 1200, 10), span(Phase.ABORTED, 601, 602, 10))

    assert heights(found.areas[0].path)[60] == HEIGHT


def test_failures_are_marked_where_they_ended_even_when_they_never_started():
    found = drawn(
        span(Phase.FAILED, 0, 305, 10), span(Phase.FAILED, 0, 308, 10), span(Phase.TIMED_OUT, None, 1200, 10)
    )

    assert found.failed == 3
    assert re.findall(r"M(\d+)", found.failures) == ["30", "119"]


def test_clocks_that_disagree_draw_nothing_outside():
    found = drawn(span(Phase.SUCCEEDED, -50, 100, 10), span(Phase.FAILED, 1100, 1300, 10))

    assert heights(found.areas[0].path) == [100] * 10 + [0] * 100 + [100] * 10


def test_a_run_in_which_nothing_started_has_no_areas():
    assert drawn(span(Phase.QUEUED, None, None, 10)).areas == ()
    assert drawn().peak == 0


@pytest.mark.parametrize("seed", range(5))
def test_sums_draw_what_a_count_of_each_action_would(seed: int):
    rng = random.Random(seed)
    actions = []
    for _ in range(60):
        start = rng.uniform(0, 1199)
        actions.append((start, start + rng.expovariate(1 / rng.choice([3, 50, 400]))))
    actions = [(start, min(end, 1200)) for start, end in actions]

    found = drawn(*(span(Phase.SUCCEEDED, start, end, 10) for start, end in actions))

    exact = [
        sum(max(0, min(end, at * 10 + 10) - max(start, at * 10)) for start, end in actions) / 10
        for at in range(BUCKETS)
    ]
    peak = max(exact)
    for height, right in zip(heights(found.areas[0].path), exact, strict=True):
        assert height == pytest.approx(right / peak * HEIGHT, abs=2.01)
