"""The keys by which a page may sort siblings, kept for each run and read only as far as they have changed.

Keys of what changes while the run goes on are kept for a moment though it has: rows that change places all the time cannot be read.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple

from runs.domain.inputs.digests import Simple, decode
from runs.domain.status import STATUS_LABELS
from runs.queries.tree.sort_keys import Times, list_digests_with, list_times
from runs.tree.filter import Sort

KEPT_SORTS = 4  # of a run
SETTLE_SECONDS = 1.0  # for so long an order stays that changes by itself
_RUNNING = 1e15  # milliseconds: what still runs is longer than all that has ended
_RANKS = {status: rank for rank, status in enumerate(STATUS_LABELS)}
_SECONDS = re.compile(r"-?\d+(\.\d+)?s")  # a duration, as a digest has it
_versions = count(1)


class Now(NamedTuple):
    """What a snapshot knows: its sequence number, its highest id, and the status of each action."""

    seq: int
    newest: int
    statuses: Mapping[int, str]


class Keys:
    """The keys of one sort. version: grows whenever they changed; seq: up to which change of the run they are known."""

    def __init__(self) -> None:
        self.of: dict[int, Any] = {}
        self.version = 0
        self.seq = -1
        self._newest = 0
        self._settled_at = 0.0

    def refresh(self, sort: Sort, run_id: int, origin: datetime, now: Now) -> None:
        """Read what is new, unless that was done a moment ago. One statement, none by phase or when nothing is new."""
        if self.seq == now.seq or (sort.changes and time.monotonic() < self._settled_at):
            return
        if sort.by == "input":
            if self._newest < now.newest:
                found = list_digests_with(run_id, sort.input, after=self._newest)
                self.of.update(_values(sort.input, found))
                self.version = next(_versions)
        elif sort.by == "duration":
            for one in list_times(run_id, origin=origin, since=self.seq):
                if (key := duration_key(one)) is not None:
                    self.of[one.id] = key
                else:
                    self.of.pop(one.id, None)  # it is queued again
            self.version = next(_versions)
        else:
            self.of = {node: _RANKS[status] for node, status in now.statuses.items()}
            self.version = next(_versions)
        self.seq, self._newest, self._settled_at = now.seq, now.newest, time.monotonic() + SETTLE_SECONDS


class Sorting:
    """The keys of a run. Call it with the lock of its snapshot held."""

    def __init__(self, run_id: int, origin: datetime) -> None:
        self._run_id = run_id
        self._origin = origin
        self._kept: dict[Sort, Keys] = {}

    def keys(self, sort: Sort, now: Now) -> Keys | None:
        """The keys of this sort; None where the order is that of ids."""
        if sort.by == "start":
            return None
        if (keys := self._kept.get(Sort(sort.by, sort.input))) is None:
            if len(self._kept) >= KEPT_SORTS:
                self._kept.clear()
            keys = self._kept[Sort(sort.by, sort.input)] = Keys()
        keys.refresh(sort, self._run_id, self._origin, now)
        return keys


def duration_key(times: Times) -> float | None:
    """How long it took; of what runs still, more than that, the first to start being the longest. None: it has not started."""
    if times.ended is not None:
        return max(0.0, times.ended - times.began)
    return _RUNNING - times.began if times.has_started else None


def _values(name: str, found: list[tuple[int, str]]) -> dict[int, tuple[int, Any]]:
    values = ((node, decode(digest)) for node, digest in found)
    return {
        node: key
        for node, inputs in values
        if name in inputs and (key := value_key(inputs[name])) is not None
    }


def value_key(value: Simple) -> tuple[int, Any] | None:
    """What a value is sorted by: numbers by size, those of seconds too, then texts. None has no key."""
    if value is None:
        return None
    if not isinstance(value, str):
        return (0, value)
    return (0, float(value[:-1])) if _SECONDS.fullmatch(value) else (1, value)
