"""What leaves in a batch, in which order, and what is dropped when more comes than leaves."""

from __future__ import annotations

import pytest

from runs.executor.link import log_lane
from runs.executor.link.outbox import Outbox
from runs.protocol import bounds, frames
from runs.protocol.frames import Key

LOUD, QUIET = Key(1, "loud"), Key(1, "quiet")


def outbox() -> Outbox:
    return Outbox(lambda: None)


def printed(key: Key, text: str) -> frames.LogLines:
    return frames.LogLines(key, 1, [(0, "out", text)])


def finished(key: Key) -> frames.Finished:
    return frames.Finished(key, 1, 0, "succeeded")


def batches(box: Outbox, max_bytes: int = bounds.BATCH_BYTES) -> list[list[frames.Event]]:
    taken = []
    while batch := box.take(max_bytes):
        taken.append([entry.event for entry in batch])
    return taken


def text_of(event: frames.Event) -> str:
    assert isinstance(event, frames.LogLines)
    return "".join(text for _, _, text in event.lines)


def test_an_end_leaves_after_all_that_its_action_has_printed():
    box = outbox()
    for number in range(3):
        box.put(printed(QUIET, f"{number}\n"))
    box.put(finished(QUIET))

    (batch,) = batches(box)

    assert [text_of(event) for event in batch[:-1]] == ["0\n", "1\n", "2\n"]
    assert batch[-1] == finished(QUIET)


def test_what_one_action_prints_does_not_hold_up_its_neighbours():
    box = outbox()
    for _ in range(30):
        box.put(printed(LOUD, "x" * 100_000))
    box.put(finished(LOUD))
    box.put(frames.Delivered(QUIET, 1, 0))
    box.put(printed(QUIET, "bye\n"))
    box.put(finished(QUIET))

    first, *rest = batches(box)

    assert first[0] == frames.Delivered(QUIET, 1, 0)
    assert finished(QUIET) in first
    assert sum(len(frames.encode(event)) for event in first) < 2 * bounds.MAX_LINES_BYTES
    assert rest[-1] == [finished(LOUD)]
    assert (
        sum(
            len(text_of(event))
            for batch in [first, *rest[:-1]]
            for event in batch
            if getattr(event, "key", 0) == LOUD
        )
        == 3_000_000
    )


def test_actions_that_print_without_end_take_turns():
    box = outbox()
    for key in (LOUD, QUIET):
        for _ in range(20):
            box.put(printed(key, "x" * 100_000))

    keys = [
        {event.key.name for event in batch if isinstance(event, frames.LogLines)} for batch in batches(box)
    ]

    assert keys[:2] == [{"loud"}, {"quiet"}]


def test_of_a_flood_the_first_and_the_last_lines_leave_and_a_line_counts_the_others(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(log_lane, "MAX_ATTEMPT_BYTES", 100)
    box = outbox()
    box.put(printed(LOUD, "first\n"))
    (begun,) = batches(box)
    for number in range(50):
        box.put(printed(LOUD, f"line {number}\n"))
    box.put(finished(LOUD))

    (batch,) = batches(box)

    assert [text_of(event) for event in begun] == ["first\n"]
    notice, *kept = [text_of(event) for event in batch[:-1]]
    assert (
        notice
        == f"flyteui: {50 - len(kept)} lines of output were dropped here: they came faster than the server took them\n"
    )
    assert kept == [f"line {number}\n" for number in range(50 - len(kept), 50)]
    assert 1 < len(kept) < 10


def test_all_output_together_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(log_lane, "MAX_LANE_BYTES", 1000)
    box = outbox()
    for number in range(100):
        box.put(printed(Key(1, f"a{number}"), "x" * 100))
        box.put(printed(Key(1, f"a{number}"), "y" * 100))

    kept = [event for batch in batches(box) for event in batch if text_of(event)[0] in "xy"]

    assert sum(len(text_of(event)) for event in kept) < 1000 + 100 * 100  # each keeps its last one


@pytest.mark.parametrize("max_bytes", [200, 1000])
def test_a_batch_is_within_the_bound_unless_it_is_one_event(max_bytes: int):
    box = outbox()
    events: list[frames.Event] = [
        frames.Enqueue(1, "a0", b"x" * size) for size in (10, 10, 500, 10, 3000, 90, 90, 90)
    ]
    for event in events:
        box.put(event)

    taken = batches(box, max_bytes)

    assert [event for batch in taken for event in batch] == events
    for batch in taken:
        assert len(batch) == 1 or sum(len(frames.encode(event)) for event in batch) <= max_bytes


def test_what_is_put_back_leaves_first_and_in_its_order():
    box = outbox()
    box.put(printed(QUIET, "1\n"))
    box.put(finished(QUIET))
    taken = box.take()
    box.put(frames.Delivered(LOUD, 1, 0))

    box.put_back(taken)

    assert batches(box) == [[printed(QUIET, "1\n"), finished(QUIET), frames.Delivered(LOUD, 1, 0)]]
    assert box.is_empty
