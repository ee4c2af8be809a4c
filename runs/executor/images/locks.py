"""One build of an environment at a time, among all processes of this machine; the others wait, and learn how it has ended.

The lock is the kernel's, so it ends with its holder. Its file says who builds, or why the last build has failed.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

POLL_SECONDS = 0.2


class Note(msgspec.Struct):
    """What the lock's file says. at: seconds of the clock, when the build has failed; 0 while it runs."""

    run: str = ""
    code: str = ""
    message: str = ""
    at: float = 0.0


class BuildLock:
    """Held. failed: how the build ended for which this one waited; None where there was none, or it has not failed."""

    def __init__(self, fd: int, failed: Note | None) -> None:
        self._fd = fd
        self.failed = failed

    def write(self, note: Note) -> None:
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, msgspec.json.encode(note), 0)


@asynccontextmanager
async def hold(file: Path, run: str, say: Callable[[str], None]) -> AsyncIterator[BuildLock]:
    """Wait for the lock of a build, and hold it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        since = time.time()
        has_waited = False
        while not _take(fd):
            if not has_waited:
                has_waited = True
                say(f"run {_read(fd).run or 'of somebody else'} builds the same image; waiting for it")
            await asyncio.sleep(POLL_SECONDS)
        last = _read(fd)
        lock = BuildLock(fd, last if has_waited and last.at >= since else None)
        if lock.failed is None:
            lock.write(Note(run))
        yield lock
    finally:
        os.close(fd)


def _take(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(fd: int) -> Note:
    try:
        return msgspec.json.decode(os.pread(fd, 1024 * 1024, 0) or b"{}", type=Note)
    except msgspec.MsgspecError:  # it is being written
        return Note()
