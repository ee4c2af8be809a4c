"""No event is longer than its bound, whatever user code says, and what is cut says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.domain.failures import Failure
from runs.protocol import bounds, frames
from runs.protocol.frames import Key

KEY = Key(1, "a0")
HUGE = "é" * 600_000  # 1.2 MB


def failed(message: str, code: str = "ValueError") -> frames.Finished:
    return frames.Finished(KEY, 1, 0, "failed", Failure(code, message, "user", recoverable=True))


@pytest.mark.parametrize(
    "event",
    [
        failed(HUGE),
        failed("", HUGE),
        failed("\ud800" * 600_000, "\ud800"),
        frames.Enqueue(1, "a0", b"x" * bounds.MAX_ACTION_BYTES, Failure("E", HUGE)),
        frames.Refusing(KEY, 1, 0, 1, HUGE, 0),
        frames.LoopState(responsive=False, at=0, stack=HUGE),
        frames.GoesOn(KEY, 1, 0, HUGE, HUGE),
        frames.Finished(KEY, 1, 0, "succeeded", left_behind=HUGE, changed=HUGE),
    ],
    ids=["message", "code", "surrogates", "enqueue", "refusing", "loop", "goes on", "left behind"],
)
def test_an_event_is_cut_to_its_bound(event: frames.Event):
    assert len(frames.encode(bounds.bound(event))) <= bounds.MAX_EVENT_BYTES


DIRTY = "a thread \0 named \ud800"


@pytest.mark.parametrize(
    "event",
    [
        failed(DIRTY, DIRTY),
        frames.Finished(KEY, 1, 0, "succeeded", left_behind=DIRTY, changed=DIRTY),
        frames.Enqueue(1, "a0", b"", Failure(DIRTY, DIRTY)),
        frames.Refusing(KEY, 1, 0, 1, DIRTY, 0),
        frames.GoesOn(KEY, 1, 0, DIRTY, DIRTY),
        frames.LoopState(responsive=False, at=0, stack=DIRTY),
    ],
)
def test_what_user_code_has_named_can_be_sent_and_stored(event: frames.Event):
    data = frames.encode(bounds.bound(event))

    assert b"\0 named" not in data
    assert "\N{REPLACEMENT CHARACTER} named ?".encode() in data


def test_an_end_without_texts_is_not_made_anew():
    event = frames.Finished(KEY, 1, 0, "succeeded", cpu_seconds=1.0)

    assert bounds.bound(event) is event


def test_a_bare_fact_has_no_values_that_came_with_it():
    end = bounds.bare(
        frames.Finished(KEY, 1, 2**80, "failed", Failure("E", "x"), "left", 9.0, 2**70, "changed", 9.0)
    )

    assert isinstance(end, frames.Finished)
    assert (end.key, end.epoch, end.outcome, end.left_behind, end.peak_memory_bytes) == (
        KEY,
        1,
        "failed",
        "",
        0,
    )
    assert end.failure is not None
    assert "could not be stored" in end.failure.message
    assert bounds.bare(frames.LogLines(KEY, 1, [])) is None


def test_a_message_keeps_its_beginning_and_its_end():
    event = bounds.bound(failed("where it was" + HUGE + "what it was"))

    assert isinstance(event, frames.Finished)
    assert event.failure is not None
    assert event.failure.message.startswith("where it was")
    assert event.failure.message.endswith("what it was")
    assert "bytes are left out here" in event.failure.message
    assert (event.failure.code, event.failure.recoverable) == ("ValueError", True)


@pytest.mark.parametrize(
    ("event", "left"),
    [
        (failed(HUGE), True),
        (frames.Refusing(KEY, 1, 0, 1, HUGE, 0), True),
        (frames.LoopState(responsive=False, at=0, stack=HUGE), True),
        (frames.LogLines(KEY, 1, [(0, "out", HUGE)]), True),
        (frames.Enqueue(1, "a0", b"x" * 10_000), False),
    ],
    ids=["failed", "refusing", "loop", "log", "enqueue"],
)
def test_what_no_frame_can_carry_keeps_its_fact(event: frames.Event, left: bool):
    said = bounds.too_large(event, 1_200_000, 4096)

    assert (said is not None) == left
    if said is not None:
        assert type(said) is type(event)
        assert len(frames.encode(said)) < 1000
        assert b"1,200,000 bytes of this are left out" in frames.encode(said)


@given(st.lists(st.binary(max_size=300)), st.integers(1, 1000))
def test_groups_hold_everything_in_order_and_no_more_than_their_bound(items: list[bytes], bound: int):
    groups = list(bounds.split(items, bound))

    assert [item for group in groups for item in group] == items
    for group in groups:
        assert len(group) == 1 or sum(len(frames.encode(item)) for item in group) <= bound
