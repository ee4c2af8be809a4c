"""An environment in use: found and locked, so that it is not removed, and the variables with which Python starts in it.

Whoever uses one holds a shared lock on its description, as do all that it forks; whoever removes one takes the lock for itself.
The kernel releases it when the last user has ended, for whatever reason.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from runs.executor.environments.layout import (
    DESCRIPTION,
    Environment,
    python_of,
    read_environment,
)

SHOWN = 12  # characters of a digest in a message
# They lead Python to packages of somebody else.
OTHERS_PACKAGES = frozenset({"PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "VIRTUAL_ENV"})


class EnvironmentUnusable(OSError):
    """No executor can start in it. The message says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class InUse:
    """folder: of the environment. lock: the descriptor that keeps it from being removed."""

    folder: Path
    environment: Environment
    lock: int

    @property
    def python(self) -> Path:
        return python_of(self.folder)

    @property
    def workdir(self) -> Path | None:
        """Where the image's own files lie; None if it brings none."""
        return self.folder / self.environment.workdir if self.environment.workdir else None

    def touch(self) -> None:
        """Note that it is used now, for its retention. Who may not write there does not decide about it either."""
        with suppress(PermissionError):
            os.utime(self.lock)

    def is_same(self, other: InUse) -> bool:
        """Whether both are of one build."""
        return os.path.sameopenfile(self.lock, other.lock)

    def release(self) -> None:
        """Use it no longer; what was forked meanwhile does."""
        os.close(self.lock)

    def variables(self, base: Mapping[str, str]) -> dict[str, str]:
        """Those of a process that runs in it. base: as for the worker's own Python (`clean_environment`). Its own programs come first,
        also where the image has a PATH.
        """
        kept = {
            name: value for name, value in base.items() if name not in OTHERS_PACKAGES
        } | self.environment.env
        prefix = self.folder / self.environment.prefix
        path = os.pathsep.join((str(prefix / "bin"), kept.get("PATH", os.defpath)))
        return {**kept, "VIRTUAL_ENV": str(prefix), "PATH": path}


def take(folder: str | Path) -> InUse:
    """Find and lock the environment in this folder. Raises EnvironmentUnusable."""
    folder = Path(folder)
    description = folder / DESCRIPTION
    try:
        lock = os.open(description, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise _missing(folder) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        # It may have been removed, and even built again, between these two.
        if os.fstat(lock).st_ino != description.stat().st_ino:
            raise BlockingIOError
        found = InUse(folder, read_environment(folder), lock)
        _check(found)
    except (BlockingIOError, FileNotFoundError):
        os.close(lock)
        raise _missing(folder) from None
    except msgspec.MsgspecError as problem:
        os.close(lock)
        raise EnvironmentUnusable(
            f"{description} cannot be read ({problem}): delete {folder}, and build the image again"
        ) from problem
    except BaseException:
        os.close(lock)
        raise
    return found


def _missing(folder: Path) -> EnvironmentUnusable:
    return EnvironmentUnusable(
        f"the Python environment {folder.name[:SHOWN]} is not in {folder.parent}: it was removed, or built by another worker; build its image again"
    )


def _check(found: InUse) -> None:
    if not os.access(found.python, os.X_OK):
        gone = f"; it was {found.python.resolve()}" if found.python.is_symlink() else ""
        raise EnvironmentUnusable(
            f"the Python of image {found.environment.image} is gone from {found.folder}{gone}: delete that folder, and build the image again"
        )
