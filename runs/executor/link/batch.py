"""A batch that is being filled: whole events, in order, within a number of bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from runs.protocol import frames
from runs.protocol.frames import EnqueueResult, Event

MAX_EVENTS = 1000

# Called on the link's thread when the event is committed, with the result if the event has one.
Committed = Callable[[EnqueueResult | None], None]


class Entry(NamedTuple):
    """data: the event as a frame holds it."""

    event: Event
    data: bytes
    committed: Committed | None = None


def entry_of(event: Event, committed: Committed | None = None) -> Entry:
    return Entry(event, frames.encode(event), committed)


class BatchBuilder:
    """Takes the first event whatever its size, and then those for which there is room."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.size = 0
        self.entries: list[Entry] = []

    def has_room(self, entry: Entry) -> bool:
        if not self.entries:
            return True
        return len(self.entries) < MAX_EVENTS and self.size + len(entry.data) <= self.max_bytes

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.size += len(entry.data)
