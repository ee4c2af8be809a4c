"""Locks by which a worker recognises that an executor which another worker started has ended.

What is in a locked file says who had the processor (`attempt/record.py`).

An executor locks a file of its name in the home folder, and all that it forks shares the lock. The kernel releases it when
the last of them has ended, for whatever reason, so that no process has to survive to report it (docs/decisions/0028).
"""

from __future__ import annotations

import fcntl
import os
import socket
import sys
from pathlib import Path

SUFFIX = ".lock"


def acquire(home: str, executor: str) -> int | None:
    """Lock the file of this executor until this process and all that it forks from now on have ended.

    Programs that they start do not share the lock. Returns its descriptor, or None where files cannot be locked: there
    only the lease reveals an end that no worker has seen.
    """
    path = path_of(home, executor)
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
    """Executors of this machine whose last process has ended, and of whose end the server does not know yet."""
    return [path.stem for path in sorted(_folder(home).glob(f"*{SUFFIX}")) if _is_free(path)]


def remove(home: str, executor: str) -> None:
    """Remove the file, when the server knows of the end."""
    path_of(home, executor).unlink(missing_ok=True)


def _folder(home: str) -> Path:
    """Not shared with other machines, though the home may be: locks do not reach across every network."""
    return Path(home) / "executors" / socket.gethostname()


def path_of(home: str, executor: str) -> Path:
    """The file of this executor."""
    return _folder(home) / f"{executor}{SUFFIX}"


def _is_free(path: Path) -> bool:
    """Whether no process holds the lock. False also when that cannot be found out, or the file has just been removed."""
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
