"""Events on their way to the server. Any thread may put; the link takes.

They leave in the order in which they happened, but for output: that has a lane of its own, so that what one action prints
holds up neither its neighbours nor an abort. The end of an action leaves after all of its output.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable

from runs.executor.link.batch import BatchBuilder, Committed, Entry, entry_of
from runs.executor.link.log_lane import LogLane
from runs.protocol.bounds import BATCH_BYTES, MAX_LINES_BYTES, bound
from runs.protocol.frames import Event, Finished, LogLines


class Outbox:
    """Events that no batch has taken yet. `wake` is called when the first one comes after all were taken."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._tickets = itertools.count(1)
        self._pending: dict[int, Entry] = {}
        self._logs = LogLane()
        self._is_drained = True
        self.mask: Callable[[Event], Event] = lambda event: event  # takes secrets out of it

    def put(self, event: Event, committed: Committed | None = None, *, wakes: bool = True) -> int:
        """Add an event, cut to its bound, and return its ticket.

        One that does not wake leaves with the next that does, or with `take`.
        """
        entry = entry_of(bound(self.mask(event)), committed)
        with self._lock:
            ticket = next(self._tickets)
            if isinstance(event, LogLines):
                self._logs.put(entry)
            else:
                self._pending[ticket] = entry
            is_first = wakes and self._is_drained
            if wakes:
                self._is_drained = False
        if is_first:
            self._wake()
        return ticket

    def withdraw(self, ticket: int) -> bool:
        """Take an event back; False when a batch has it already. Not for output."""
        with self._lock:
            return self._pending.pop(ticket, None) is not None

    def put_back(self, entries: Iterable[Entry]) -> None:
        """Undo a `take`: they leave again before all others. Their tickets are worth nothing any more."""
        with self._lock:
            self._pending = {next(self._tickets): entry for entry in entries} | self._pending

    def take(self, max_bytes: int = BATCH_BYTES) -> list[Entry]:
        """The next batch: within `max_bytes`, unless it is one event that is longer. Empty when there is nothing, and then
        the next `put` wakes the link.
        """
        batch = BatchBuilder(min(max_bytes, BATCH_BYTES))
        with self._lock:
            for ticket in self._move_pending(batch):
                del self._pending[ticket]
            if batch.entries:  # output has a share of what matters more
                batch.max_bytes = min(batch.max_bytes, batch.size + MAX_LINES_BYTES)
            self._logs.move(batch)
            self._is_drained = not batch.entries
        return batch.entries

    def _move_pending(self, batch: BatchBuilder) -> list[int]:
        """Move events into the batch, an end only after all that its action has printed; returns the tickets."""
        moved = []
        for ticket, entry in self._pending.items():
            if isinstance(entry.event, Finished) and not self._logs.move_short_one(entry.event.key, batch):
                continue
            if not batch.has_room(entry):
                break
            batch.add(entry)
            moved.append(ticket)
        return moved

    @property
    def is_empty(self) -> bool:
        return not self._pending and not self._logs
