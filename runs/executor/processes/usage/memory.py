"""Watches that processes take no more memory than their task declares, as the kernel does for a pod. On the link's loop.

The memory of a process is its share of what it has in common with others, because forks share most of theirs with the zygote.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from runs.executor.processes.table import read_table

LOOK_SECONDS = 0.25
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
Exceeded = Callable[[int], None]


class MemoryWatch:
    """Watches while there is something to watch. Elsewhere than on Linux it sees nothing."""

    def __init__(self) -> None:
        self._watched: dict[int, tuple[int, Exceeded]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, pid: int, limit_bytes: int, exceeded: Exceeded) -> None:
        """exceeded: called once with what the process and its descendants have, when that is more than the limit."""
        self._watched[pid] = limit_bytes, exceeded
        if self._timer is None:
            self._schedule()

    def remove(self, pid: int) -> None:
        self._watched.pop(pid, None)

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._watched:
            return
        table = read_table()
        for pid, (limit, exceeded) in list(self._watched.items()):
            tree = [pid, *(entry.pid for entry in table.descendants(pid))]
            # Quick to read, and never less than the share.
            if sum(map(_resident_bytes, tree)) > limit and (taken := sum(map(share_bytes, tree))) > limit:
                del self._watched[pid]
                exceeded(taken)
        self._schedule()


def _resident_bytes(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    return 0


def share_bytes(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
