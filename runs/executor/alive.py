"""Which executors of this machine are alive, for a worker that did not start them.

Each holds a lock on a file of its name in the home folder, and so does all that it forks. The kernel takes the lock away when
the last of them has ended, however that came: nobody has to be left who could tell.
"""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

SUFFIX = ".lock"


def hold(home: str, executor: str) -> None:
    """Be known as alive until this process, and all that it forks from now on, has ended. Programs that they start do not count."""
    path = _path(home, executor)
    path.parent.mkdir(parents=True, exist_ok=True)
    unlocked = path.with_suffix(".new")
    fcntl.flock(os.open(unlocked, os.O_CREAT | os.O_RDWR, 0o600), fcntl.LOCK_EX)
    unlocked.rename(path)  # under its name, nobody ever sees it without its lock


def find_dead(home: str) -> list[str]:
    """Executors that were here, and whose last process has ended."""
    return [path.stem for path in sorted(_folder(home).glob(f"*{SUFFIX}")) if _is_free(path)]


def forget(home: str, executor: str) -> None:
    """The end of this one is known."""
    _path(home, executor).unlink(missing_ok=True)


def _folder(home: str) -> Path:
    """Not shared with other machines, though the home may be: locks do not reach across every network."""
    return Path(home) / "executors" / socket.gethostname()


def _path(home: str, executor: str) -> Path:
    return _folder(home) / f"{executor}{SUFFIX}"


def _is_free(path: Path) -> bool:
    try:
        lock = os.open(path, os.O_RDWR)
    except FileNotFoundError:  # forgotten meanwhile
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
