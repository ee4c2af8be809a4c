"""Events on their way to the server, in the order in which they happened. Any thread may put; the link takes."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import NamedTuple

from runs.executor.frames import Enqueue, EnqueueResult, Event, LogLines

# A batch is one transaction: long enough to be cheap, short enough that an abort need not wait for it.
MAX_EVENTS = 1000
MAX_BYTES = 1024 * 1024
# Output that the server has not taken yet may not fill the memory; what is beyond is dropped, and says so.
MAX_LOG_BYTES = 64 * 1024 * 1024
_OVERHEAD = 64  # bytes of an event that carries no text of its own, roughly

# Called on the link's thread when the event is committed, with the answer if the server gave one.
Committed = Callable[[EnqueueResult | None], None]


class Entry(NamedTuple):
    event: Event
    committed: Committed | None


class Outbox:
    """Events that no batch has taken yet. `wake` is called when the first one comes after all were taken."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._tickets = itertools.count(1)
        self._pending: dict[int, Entry] = {}
        self._is_drained = True
        self._log_bytes = 0

    def put(self, event: Event, committed: Committed | None = None, *, wakes: bool = True) -> int:
        """Add an event and return its ticket. One that does not wake leaves with the next that does, or with `take`."""
        with self._lock:
            ticket = next(self._tickets)
            self._pending[ticket] = Entry(event, committed)
            if isinstance(event, LogLines):
                self._log_bytes += weigh(event)
            is_first = wakes and self._is_drained
            if wakes:
                self._is_drained = False
        if is_first:
            self._wake()
        return ticket

    def withdraw(self, ticket: int) -> bool:
        """Take an event back; False when a batch has it already."""
        with self._lock:
            return self._pending.pop(ticket, None) is not None

    def take(self) -> list[Entry]:
        """The next batch; empty when there is nothing, and then the next `put` wakes the link."""
        with self._lock:
            taken: list[int] = []
            size = 0
            for ticket, entry in self._pending.items():
                if len(taken) >= MAX_EVENTS or size >= MAX_BYTES:
                    break
                taken.append(ticket)
                size += weigh(entry.event)
                if isinstance(entry.event, LogLines):
                    self._log_bytes -= weigh(entry.event)
            self._is_drained = not taken
            return [self._pending.pop(ticket) for ticket in taken]

    @property
    def is_full_of_logs(self) -> bool:
        return self._log_bytes > MAX_LOG_BYTES

    @property
    def is_empty(self) -> bool:
        return not self._pending


def weigh(event: Event) -> int:
    """About how many bytes the event takes in a frame."""
    match event:
        case Enqueue(action=action):
            return _OVERHEAD + len(action)
        case LogLines(lines=lines):
            return _OVERHEAD + sum(len(text) + 16 for _, _, text in lines)
    return _OVERHEAD
