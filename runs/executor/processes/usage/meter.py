"""Samples what the processes of attempts use, while there are any, and reports what has changed noticeably. On the link's loop.

One look at the table of processes serves all of them, so that it costs what the machine's processes are, not what runs.
Elsewhere than on Linux the table is empty, and nothing is measured.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from typing import NamedTuple

from runs.executor.attempt.attempt import Attempt
from runs.executor.link.outbox import Outbox
from runs.executor.processes.table import ProcessEntry, read_table
from runs.executor.processes.usage.memory import PAGE_BYTES, share_bytes
from runs.protocol.frames import Using

SAMPLE_SECONDS = 3.0
YOUNGEST_SECONDS = 1.0  # of what began later a share of a core says nothing
_TICKS = os.sysconf("SC_CLK_TCK")  # a second
_PERCENT = 3  # of a core, that are news
_MEMORY_SHARE = 50  # one in so many is news
_MIB = 2**20


class Sample(NamedTuple):
    """percent: of one core, since the sample before."""

    percent: int
    memory_bytes: int

    def is_news(self, told: Sample | None) -> bool:
        """Whether it differs noticeably from what was told last. Whether anything is computed at all matters most."""
        if told is None or bool(self.percent) != bool(told.percent):
            return True
        grown = abs(self.memory_bytes - told.memory_bytes)
        return abs(self.percent - told.percent) >= _PERCENT or grown >= max(
            _MIB, told.memory_bytes // _MEMORY_SHARE
        )


@dataclass(slots=True)
class _Metered:
    """at, ticks: when it was sampled last, and what it had used of the processor by then."""

    attempt: Attempt
    at: float
    ticks: int = 0
    told: Sample | None = None

    def sample(self, tree: list[ProcessEntry], now: float) -> Sample | None:
        """None where it cannot be said: it has just begun, or has ended."""
        if not tree or now - self.at < YOUNGEST_SECONDS:
            return None
        ticks = sum(process.ticks for process in tree)
        share = max(0, ticks - self.ticks) / _TICKS / (now - self.at)
        self.at, self.ticks = now, ticks
        return Sample(round(share * 100), _memory_of(tree))


class Meter:
    """The processes of attempts, by their numbers."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._metered: dict[int, _Metered] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._ticket = 0  # of the last report

    def add(self, pid: int, attempt: Attempt) -> None:
        """The process has just been started for the attempt."""
        self._metered[pid] = _Metered(attempt, time.monotonic())
        if self._timer is None:
            self._schedule()

    def remove(self, pid: int) -> None:
        self._metered.pop(pid, None)

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(SAMPLE_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._metered:
            return
        self._schedule()
        table, now = read_table(), time.monotonic()
        if self._outbox.withdraw(
            self._ticket
        ):  # nobody has it: there is no connection, and only the newest matters
            for one in self._metered.values():
                one.told = None
        news = []
        for pid, one in self._metered.items():
            found = one.sample(table.tree(pid), now)
            if found is not None and found.is_news(one.told):
                one.told = found
                news.append((one.attempt.key, one.attempt.lease.epoch, found.percent, found.memory_bytes))
        self._ticket = self._outbox.put(Using(news)) if news else 0


def _memory_of(tree: list[ProcessEntry]) -> int:
    """What the process has, and the shares of those that it has started: its forks have most in common with it."""
    process, *started = tree
    return process.resident * PAGE_BYTES + sum(share_bytes(one.pid) for one in started)
