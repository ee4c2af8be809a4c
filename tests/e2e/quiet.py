"""How much of the processors others take while a test measures: where they take much, its numbers say nothing of the product."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

MOST_TAKEN = 0.15


@dataclass(frozen=True)
class Processors:
    """Seconds that the machine's processors have spent, and those of ours among them."""

    busy: float
    ours: float
    at: float

    @classmethod
    def now(cls) -> Processors:
        tick = os.sysconf("SC_CLK_TCK")
        fields = [int(text) for text in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
        busy = sum(fields[:3]) + sum(fields[5:8])  # all but idle and waiting for disks; stolen time too
        ours = sum(seconds_of(folder) for folder in Path("/proc").iterdir() if folder.name.isdigit())
        return cls(busy / tick, ours / tick, os.times().elapsed)

    def taken_since(self, before: Processors) -> float:
        """By others: the share of all processors' time."""
        others = (self.busy - before.busy) - (self.ours - before.ours)
        return others / (self.at - before.at) / (os.cpu_count() or 1)


def within_budget(measure: Callable[[], tuple[bool, str]], *, tries: int = 2) -> None:
    """Measure until it is within its budget (whether it is, and its numbers); a machine that does much else may not say no.

    On such a machine the test ends as an expected failure, with the numbers.
    """
    said, taken = [], 0.0
    for _ in range(tries):
        before = Processors.now()
        is_within, numbers = measure()
        taken = Processors.now().taken_since(before)
        said.append(f"{numbers} (others took {taken:.0%} of the processors)")
        print(said[-1])
        if is_within:
            return
        if taken <= MOST_TAKEN:
            pytest.fail(said[-1])
    pytest.xfail("; ".join(said))


def seconds_of(folder: Path) -> int:
    """The ticks of a process of this session: pytest, its server and its browser."""
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12]) if is_ours(int(folder.name)) else 0


def is_ours(pid: int) -> bool:
    """Whether this process is an ancestor."""
    while pid > 1:
        if pid == os.getpid():
            return True
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False
