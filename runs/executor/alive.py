"""Which executors of this machine are alive, for a worker that did not start them.

Each holds a lock on a file of its name in the home folder, and so does all that it forks. The kernel takes the lock away when
the last of them has ended, however that came: nobody has to be left who could tell.
"""

from __future__ import annotations

import fcntl
import os
import socket
import sys
from pathlib import Path

SUFFIX = ".lock"


def hold(home: str, executor: str) -> int | None:
    """Be known as alive until this process, and all that it forks from now on, has ended. Programs that they start do not count.

    Returns the descriptor that keeps the lock, or None where there are no locks: then only the lease tells of a death unseen.
    """
    path = _path(home, executor)
    unlocked = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(unlocked, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        unlocked.rename(path)  # under its name, nobody ever sees it without its lock
    except OSError as problem:
        print(f"flyteui executor: no lock says that it is alive: {problem}", file=sys.stderr)
        return None
    return lock


def find_dead(home: str) -> list[str]:
    """Executors that were here, whose last process has ended, and whose end is not known yet."""
    return [path.stem for path in sorted(_folder(home).glob(f"*{SUFFIX}")) if _is_free(path)]


def forget(home: str, executor: str) -> None:
    """The server knows of its end."""
    _path(home, executor).unlink(missing_ok=True)


def _folder(home: str) -> Path:
    """Not shared with other machines, though the home may be: locks do not reach across every network."""
    return Path(home) / "executors" / socket.gethostname()


def _path(home: str, executor: str) -> Path:
    return _folder(home) / f"{executor}{SUFFIX}"


def _is_free(path: Path) -> bool:
    """False also when that cannot be known, or when it was forgotten meanwhile."""
    try:
        lock = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True
