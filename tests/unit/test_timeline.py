from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from runs.timeline import Segment, between_ms, duration_words, segments

ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return ORIGIN + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1.0 s"),
        (4290, "4.2 s"),
        (59_999, "59.9 s"),
        (65_000, "1m 05s"),
        (7_380_000, "2h 03m"),
        (100_800_000, "1d 04h"),
    ],
)
def test_durations_in_words(ms: int, words: str):
    assert duration_words(ms) == words


def test_clocks_that_disagree_make_no_negative_duration():
    assert between_ms(at(1), at(0)) == 0


def test_what_waits_has_an_open_wait():
    assert segments(ORIGIN, created=at(2), started=None, ended=None) == (Segment("wait", 2000, None),)


def test_what_runs_has_a_wait_and_an_open_bar():
    found = segments(ORIGIN, created=at(1), started=at(3), ended=None)

    assert found == (Segment("wait", 1000, 3000), Segment("run", 3000, None))


def test_what_never_started_only_waited():
    assert segments(ORIGIN, created=at(1), started=None, ended=at(4)) == (Segment("wait", 1000, 4000),)


def test_no_wait_is_drawn_when_there_was_none():
    assert segments(ORIGIN, created=at(1), started=at(1), ended=at(2)) == (Segment("run", 1000, 2000),)
