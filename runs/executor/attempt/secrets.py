"""The secrets of one action: its variables, its files, and where their values would show.

Files are in a folder that is the action's alone, and in memory where the system offers that; it goes when the action ends, or
with its executor.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from runs.executor.attempt.masking import Masker
from runs.protocol.frames import Lease

FOLDER = "FLYTE_SECRETS_DEFAULT_DIR"  # the variable by which code finds its files, as in Flyte
MEMORY = Path("/dev/shm")  # noqa: S108 -- what is made there is private


class ActionSecrets:
    """Of one lease. variables: user code may change them, for itself."""

    __slots__ = ("_files", "_folder", "masker", "values", "variables")

    def __init__(self, lease: Lease) -> None:
        self.values = [one.value for one in lease.secrets]
        self.variables = {one.variable: one.value.decode() for one in lease.secrets if one.variable}
        self.masker = Masker(self.values)
        self._files = {one.key: one.value for one in lease.secrets if not one.variable}
        self._folder: Path | None = None

    def make_files(self, folder: Path) -> None:
        """Write them, before the code begins. Raises OSError."""
        if not self._files or self._folder is not None:
            return
        folder.parent.mkdir(0o700, parents=True, exist_ok=True)
        folder.mkdir(0o700)  # fails where somebody else has made it
        self._folder = folder
        for name, value in self._files.items():
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
            with os.fdopen(descriptor, "wb") as file:
                file.write(value)
        self.variables[FOLDER] = str(folder)

    def remove_files(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def folder_of(home: str, executor: str, lease: Lease) -> Path:
    """Where the files of this lease are."""
    return _base(home) / f"{_prefix(home, executor)}{lease.key.run}-{lease.key.name}-{lease.epoch}"


def remove_all(home: str, executor: str) -> None:
    """The executor has ended, perhaps without removing what its actions had."""
    for folder in _base(home).glob(f"{_prefix(home, executor)}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _base(home: str) -> Path:
    return MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else Path(home) / "secrets"


def _prefix(home: str, executor: str) -> str:
    """What the folders of an executor begin with; those of another server, or of another user, begin otherwise."""
    return f"flyteui-{hashlib.sha256(f'{home} {executor}'.encode()).hexdigest()[:16]}-"
