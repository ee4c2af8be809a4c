"""The processes of this machine, as Linux lists them in /proc. Elsewhere the table is empty."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")
_STAT_BYTES = 4096
# Places behind the name, in /proc/<pid>/stat. The times: in user code and in the kernel, its own and of children that it waited for.
_STATE, _PARENT, _TIMES, _THREADS, _STARTED, _RESIDENT = 0, 1, slice(11, 15), 17, 19, 21


class ProcessEntry(NamedTuple):
    """started: in ticks since the boot; with the number it tells a process from a later one of the same number.

    is_zombie: all of its threads have ended. While one goes on that is not the first, the kernel calls it a zombie already.
    ticks: of processor time, with the children that it has waited for; resident: pages of memory.
    """

    pid: int
    parent: int
    name: str  # up to 15 characters
    started: int
    is_zombie: bool
    ticks: int
    resident: int

    @property
    def identity(self) -> tuple[int, int]:
        return self.pid, self.started


class ProcessTable:
    """What ran at one moment."""

    def __init__(self, entries: Iterable[ProcessEntry]) -> None:
        self._entries = {entry.pid: entry for entry in entries}
        self._below: defaultdict[int, list[ProcessEntry]] = defaultdict(list)
        for entry in self._entries.values():
            self._below[entry.parent].append(entry)

    def __iter__(self) -> Iterator[ProcessEntry]:
        return iter(self._entries.values())

    def find(self, identity: tuple[int, int]) -> ProcessEntry | None:
        entry = self._entries.get(identity[0])
        return entry if entry is not None and entry.identity == identity else None

    def tree(self, pid: int) -> list[ProcessEntry]:
        """The process, if it is there, and its descendants."""
        return [self._entries[pid], *self.descendants(pid)] if pid in self._entries else []

    def children(self, pid: int) -> list[ProcessEntry]:
        """Zombies too."""
        return self._below.get(pid, [])

    def descendants(self, pid: int) -> Iterator[ProcessEntry]:
        """Parents first; zombies too."""
        for child in self.children(pid):
            yield child
            yield from self.descendants(child.pid)


def read_table() -> ProcessTable:
    if not _PROC.is_dir():
        return ProcessTable(())
    numbers = (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal())
    return ProcessTable(entry for number in numbers if (entry := read_process(number)) is not None)


def read_process(pid: int) -> ProcessEntry | None:
    """None when it has ended and was reaped."""
    with suppress(OSError):
        before, _, rest = _read(f"{_PROC}/{pid}/stat").decode(errors="replace").rpartition(")")
        fields = rest.split()
        return ProcessEntry(
            pid,
            int(fields[_PARENT]),
            before.partition("(")[2],
            int(fields[_STARTED]),
            fields[_STATE] in {"Z", "X"} and int(fields[_THREADS]) <= 1,
            sum(map(int, fields[_TIMES])),
            int(fields[_RESIDENT]),
        )
    return None


def _read(path: str) -> bytes:
    """A short file. Half the cost of a Path, and a table has hundreds."""
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.read(fd, _STAT_BYTES)
    finally:
        os.close(fd)


def read_environment(pid: int) -> Mapping[str, str]:
    """The variables with which its program was started; empty when they cannot be read."""
    with suppress(OSError):
        text = (_PROC / str(pid) / "environ").read_bytes().decode(errors="replace")
        return dict(line.partition("=")[::2] for line in text.split("\0") if "=" in line)
    return {}
