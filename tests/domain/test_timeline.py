from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from runs.domain.timeline import AttemptSpan, Segment, between_ms, format_duration, segments

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
    assert format_duration(ms) == words


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


def span(outcome: str, leased: float, started: float | None, ended: float | None) -> AttemptSpan:
    return AttemptSpan(
        outcome, at(leased), None if started is None else at(started), None if ended is None else at(ended)
    )


def test_each_try_is_a_part_of_the_bar_and_one_thin_line_shows_between_them():
    attempts = [span("failed", 1, 2, 3), span("timed_out", 5, 5, 6), span("succeeded", 8, 8, 9)]

    found = segments(ORIGIN, created=at(1), started=at(2), ended=at(9), attempts=attempts)

    assert found == (
        Segment("wait", 1000, 8000),
        Segment("failed", 2000, 3000),
        Segment("timed-out", 5000, 6000),
        Segment("run", 8000, 9000),
    )


def test_the_try_that_is_held_grows():
    attempts = [span("lost", 1, 1, 3), span("", 4, 5, None)]

    found = segments(ORIGIN, created=at(1), started=at(1), ended=None, attempts=attempts)

    assert found == (
        Segment("wait", 1000, 5000),
        Segment("lost", 1000, 3000),
        Segment("run", 5000, None),
    )


@pytest.mark.parametrize("held", [[], [span("", 4, None, None)]], ids=["queued", "leased"])
def test_what_is_to_be_tried_again_waits(held: list[AttemptSpan]):
    attempts = [span("failed", 1, 1, 3), *held]

    found = segments(ORIGIN, created=at(1), started=at(1), ended=None, attempts=attempts)

    assert found == (Segment("wait", 1000, None), Segment("failed", 1000, 3000))


def test_what_ended_while_it_waited_for_another_try_did_not_run_until_then():
    attempts = [span("failed", 1, 1, 3)]

    found = segments(ORIGIN, created=at(1), started=at(1), ended=at(7), attempts=attempts)

    assert found == (Segment("wait", 1000, 7000), Segment("failed", 1000, 3000))


def test_a_lease_that_was_lost_before_it_started_shows():
    attempts = [span("lost", 1, None, 2), span("succeeded", 3, 3, 4)]

    found = segments(ORIGIN, created=at(0), started=at(3), ended=at(4), attempts=attempts)

    assert found[1:] == (Segment("lost", 1000, 2000), Segment("run", 3000, 4000))


def test_tries_that_are_left_out_are_one_part():
    attempts = [span("failed", 5, 6, 7), span("succeeded", 8, 8, 9)]

    found = segments(ORIGIN, created=at(0), started=at(1), ended=at(9), attempts=attempts)

    assert found[1:3] == (Segment("earlier", 1000, 5000), Segment("failed", 6000, 7000))
