"""The runs that this process has in memory, so that each is read once for all who open its page. Dropped when there are too many actions."""

from __future__ import annotations

import threading

from runs.queries.runs import RunHead
from runs.tree.snapshot import Snapshot

KEPT_ACTIONS = 1_000_000  # of all runs


class Snapshots:
    """The snapshots of this process, so that a run is read once for all who open its page."""

    def __init__(self, max_actions: int = KEPT_ACTIONS) -> None:
        self._max_actions = max_actions
        self._lock = threading.Lock()
        self._kept: dict[int, Snapshot] = {}

    def get(self, head: RunHead) -> Snapshot:
        """The run's snapshot. Those not asked for the longest are dropped when there are too many actions."""
        with self._lock:
            snapshot = self._kept.pop(head.id, None)
            if snapshot is None or snapshot.head != head:
                snapshot = Snapshot(head)
            self._kept[head.id] = snapshot
            while len(self._kept) > 1 and sum(map(len, self._kept.values())) > self._max_actions:
                del self._kept[next(iter(self._kept))]
        return snapshot


shared = Snapshots()
