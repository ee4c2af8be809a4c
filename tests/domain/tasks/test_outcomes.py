"""Bars and numbers of what the last actions of a task came to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from runs.domain.phases import Phase
from runs.domain.tasks.outcomes import HEIGHT, LEAST_HEIGHT, Outcome, bars_of, numbers_of, words_of

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def outcome(phase: Phase = Phase.SUCCEEDED, seconds: float | None = 1.0, **more: Any) -> Outcome:
    """One that began so many seconds before NOW, and has ended by then if its phase is final."""
    started = None if seconds is None else NOW - timedelta(seconds=seconds)
    ended = None if phase is Phase.RUNNING else NOW
    fields: dict[str, Any] = {"task": "env.train", "path": "/there", "run": "run1", "action": "a1"} | more
    return Outcome(
        phase=phase, status=phase.slug, status_label=phase.label, created_at=NOW, started_at=started, ended_at=ended, **fields
    )  # fmt: skip


def test_bars_stand_oldest_first_and_the_longest_is_as_high_as_the_drawing():
    bars = bars_of([outcome(seconds=1), outcome(seconds=10), outcome(seconds=5)], NOW)

    assert [bar.height for bar in bars] == [HEIGHT // 2, HEIGHT, HEIGHT // 10]
    assert [bar.y + bar.height for bar in bars] == [HEIGHT] * 3
    assert [bar.x for bar in bars] == [0, 8, 16]


def test_what_took_no_time_or_has_not_started_is_still_seen():
    bars = bars_of([outcome(seconds=0), outcome(Phase.QUEUED, None), outcome(seconds=3600)], NOW)

    assert [bar.height for bar in bars] == [HEIGHT, LEAST_HEIGHT, LEAST_HEIGHT]
    assert (bars_of([outcome(seconds=0)], NOW)[0].height, bars_of([], NOW)) == (LEAST_HEIGHT, ())


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (outcome(seconds=90), "Succeeded after 1m 30s: a1 of run run1"),
        (outcome(Phase.RUNNING, 90), "Running for 1m 30s: a1 of run run1"),
        (outcome(Phase.FAILED, None, inputs="lr=0.1"), "Failed: a1 of run run1, lr=0.1"),
        (outcome(seconds=90, is_cached=True), "Succeeded: a1 of run run1"),
    ],
)
def test_a_bar_says_what_became_of_which_action(one: Outcome, text: str):
    assert bars_of([one], NOW)[0].text == text


def test_aborted_and_live_ones_have_no_part_in_the_rate_and_failures_none_in_the_times():
    numbers = numbers_of(
        [
            outcome(seconds=1), outcome(seconds=2), outcome(seconds=3), outcome(Phase.FAILED, 900), outcome(Phase.ABORTED, 800),
            outcome(Phase.RUNNING, 700), outcome(seconds=600, is_cached=True),
        ]
    )  # fmt: skip

    assert (numbers.rate, numbers.succeeded, numbers.ended, numbers.aborted) == ("80%", 4, 5, 1)
    assert (numbers.p50, numbers.p95) == ("2.0 s", "3.0 s")


@pytest.mark.parametrize(
    ("succeeded", "failed", "rate"),
    [(0, 0, ""), (0, 3, "0%"), (3, 0, "100%"), (999, 1, "99%"), (1, 999, "1%")],
)
def test_a_rate_is_never_rounded_to_all_or_none(succeeded: int, failed: int, rate: str):
    assert numbers_of([outcome()] * succeeded + [outcome(Phase.FAILED)] * failed).rate == rate


def test_a_drawing_in_words_says_the_most_frequent_first():
    assert words_of([outcome(Phase.FAILED), outcome(), outcome()]) == "Last 3: 2 succeeded, 1 failed"
