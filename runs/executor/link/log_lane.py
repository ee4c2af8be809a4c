"""Output on its way to the server, apart for each attempt, and bounded: of what comes faster than it leaves the oldest is dropped.

So the beginning of a flood is there, which has left already, and its end, which says how it ended. Not thread-safe.
"""

from __future__ import annotations

from collections import deque

from runs.executor.link.batch import BatchBuilder, Entry, entry_of
from runs.protocol.frames import Key, LogLines, now_us

# High-water marks of output that the server has not taken yet.
MAX_ATTEMPT_BYTES = 4 * 1024 * 1024
MAX_LANE_BYTES = 64 * 1024 * 1024
SHORT_BYTES = 64 * 1024  # an action that has printed no more leaves with its output, in one batch


class _Log:
    """What one attempt has printed."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque()
        self.size = 0
        self.dropped = 0  # lines, before the first entry

    def drop_first(self) -> int:
        """Drop the oldest entry; returns its size."""
        entry = self.entries.popleft()
        assert isinstance(entry.event, LogLines)
        self.dropped += len(entry.event.lines)
        self.size -= len(entry.data)
        return len(entry.data)

    def note_dropped(self) -> None:
        """Put a line that counts what was dropped in the place where it was."""
        event = self.entries[0].event
        assert isinstance(event, LogLines)
        text = f"flyteui: {self.dropped:,} lines of output were dropped here: they came faster than the server took them\n"
        notice = entry_of(LogLines(event.key, event.attempt, [(now_us(), "err", text)]))
        self.entries.appendleft(notice)
        self.size += len(notice.data)
        self.dropped = 0


class LogLane:
    """The attempts take turns, so that one that prints without end does not keep another's lines."""

    def __init__(self) -> None:
        self._logs: dict[Key, _Log] = {}
        self._size = 0

    def __bool__(self) -> bool:
        return bool(self._logs)

    def put(self, entry: Entry) -> None:
        assert isinstance(entry.event, LogLines)
        log = self._logs.setdefault(entry.event.key, _Log())
        log.entries.append(entry)
        log.size += len(entry.data)
        self._size += len(entry.data)
        while len(log.entries) > 1 and (log.size > MAX_ATTEMPT_BYTES or self._size > MAX_LANE_BYTES):
            self._size -= log.drop_first()

    def move(self, batch: BatchBuilder) -> None:
        """Move what there is room for into the batch."""
        for key in list(self._logs):
            if not self._move_all_of(key, self._logs[key], batch):
                self._logs[key] = self._logs.pop(key)  # its turn is over
                return

    def move_short_one(self, key: Key, batch: BatchBuilder) -> bool:
        """Move what this action has printed into the batch, if that is little; False when something is left."""
        if (log := self._logs.get(key)) is None:
            return True
        return log.size <= SHORT_BYTES and self._move_all_of(key, log, batch)

    def _move_all_of(self, key: Key, log: _Log, batch: BatchBuilder) -> bool:
        before = log.size
        is_whole = _move(log, batch)
        self._size += log.size - before
        if is_whole:
            del self._logs[key]
        return is_whole


def _move(log: _Log, batch: BatchBuilder) -> bool:
    if log.dropped:
        log.note_dropped()
    while log.entries:
        if not batch.has_room(log.entries[0]):
            return False
        entry = log.entries.popleft()
        log.size -= len(entry.data)
        batch.add(entry)
    return True
