"""The environments that a worker has on its disk: how many, how large, and which of them go because nobody has used them for long.

One that is in use never goes: its users hold a lock on it (`use.py`).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from runs.executor.environments.layout import BUILDING, CONTEXT, DESCRIPTION, LOCKS
from runs.protocol.worker_frames import StoredEnvironment

GONE = ".removed-"  # what a folder is called while it is removed


class Shelf:
    """root: the folder of the environments. keep_seconds: after how long an unused one goes; None: never."""

    def __init__(self, root: str, keep_seconds: float | None) -> None:
        self._root = Path(root)
        self._keep_seconds = keep_seconds
        self._bytes: dict[tuple[str, int], int] = {}  # by digest and inode: one that is whole does not change

    def look(self) -> list[StoredEnvironment]:
        """Remove what is unused, and list the rest. Takes as long as there are new files."""
        found = []
        self._clear()
        self._clear_half_built()
        for folder, status in self._list():
            if self._is_due(status) and self._remove(folder):
                continue
            known = (folder.name, status.st_ino)
            if known not in self._bytes:
                self._bytes[known] = bytes_of(folder)
            found.append(StoredEnvironment(folder.name, self._bytes[known]))
        return found

    def _list(self) -> Iterator[tuple[Path, os.stat_result]]:
        """Those that are whole, with the status of their description, whose time says when they were used last."""
        if not self._root.is_dir():
            return
        for folder in sorted(self._root.iterdir()):
            if not folder.name.startswith("."):
                with suppress(OSError):
                    yield folder, (folder / DESCRIPTION).stat()

    def _is_due(self, status: os.stat_result) -> bool:
        return self._keep_seconds is not None and time.time() - status.st_mtime > self._keep_seconds

    def _remove(self, folder: Path) -> bool:
        """Remove it, unless somebody uses it now, or has a moment ago."""
        try:
            lock = os.open(folder / DESCRIPTION, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return True  # another worker was faster
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not self._is_due(os.fstat(lock)):
                return False
            folder.rename(folder.with_name(f"{GONE}{folder.name}-{os.getpid()}"))
        except OSError:
            return False
        finally:
            os.close(lock)
        self._clear()
        return True

    def _clear(self) -> None:
        """Remove what is not called an environment any more, also after a worker that ended meanwhile."""
        for gone in self._root.glob(f"{GONE}*"):
            shutil.rmtree(gone, ignore_errors=True)

    def _clear_half_built(self) -> None:
        """Remove what a builder has left that was killed: one that builds holds the lock."""
        for lock in self._root.glob(f"{LOCKS}/*"):
            if not self._half_built(lock.name):
                continue
            with suppress(OSError), lock.open("rb") as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for folder in self._half_built(lock.name):
                    shutil.rmtree(folder, ignore_errors=True)

    def _half_built(self, digest: str) -> list[Path]:
        """Folders of this build; at the environment's own place, one without a description."""
        place = self._root / digest
        found = [
            folder for name in (BUILDING, CONTEXT) if (folder := self._root / f"{name}{digest}").is_dir()
        ]
        return [*found, place] if place.is_dir() and not (place / DESCRIPTION).exists() else found


def bytes_of(folder: Path) -> int:
    """What it takes on the disk. A file that another environment shares with it counts for both."""
    seen: set[int] = set()
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                status = os.lstat(os.path.join(parent, name))  # noqa: PTH118 -- 50,000 files may be there
                if status.st_ino not in seen:
                    seen.add(status.st_ino)
                    total += status.st_blocks * 512
    return total
