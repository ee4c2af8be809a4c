"""A folder of an action's own, in which it finds the files of its bundle and nobody else finds what it writes.

It holds links into the bundle. A file of the bundle is copied before the action changes it, and a folder of the bundle becomes
a folder of links before the action changes what is in it. Python's audit events say so before it happens.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from runs.protocol.frames import Lease

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
HERE = -1  # the `dir_fd` of a path that counts from the current folder
Paths = Callable[..., tuple[Any, ...]]


def _of_entry(path: Any, *rest: Any) -> tuple[Any, ...]:
    return (path,) if rest[-1] == HERE else ()


def _entry_of(folder: Any, *_: Any) -> tuple[Any, ...]:
    return () if isinstance(folder, int) else (f"{os.fsdecode(folder)}/entry",)


def _of_two(source: Any, target: Any, *at: Any) -> tuple[Any, ...]:
    return tuple(path for path, one in zip((source, target), at, strict=True) if one == HERE)


# The audit events before a file changes, and the paths in their arguments.
FILE_CHANGES: dict[str, Paths] = {
    "open": lambda path, _, flags: (path,) if flags & WRITING else (),
    "os.chmod": _of_entry,
    "os.chown": _of_entry,
    "os.truncate": lambda path, _: (path,),
    "os.utime": _of_entry,
    "sqlite3.connect": lambda path: (path,),
}
# The same before a folder changes: the paths are entries of it.
FOLDER_CHANGES: dict[str, Paths] = {
    "os.chdir": _entry_of,
    "os.link": _of_two,
    "os.mkdir": _of_entry,
    "os.remove": _of_entry,
    "os.rename": _of_two,
    "os.rmdir": _of_entry,
    "os.symlink": lambda _, path, at: _of_entry(path, at),
    "shutil.rmtree": _entry_of,
}


def changed_paths(event: str, arguments: tuple[Any, ...]) -> list[str]:
    """The paths that may change after this event."""
    paths = FILE_CHANGES.get(event) or FOLDER_CHANGES.get(event)
    named = () if paths is None else paths(*arguments)
    return [os.fsdecode(path) for path in named if path and not isinstance(path, int)]


def is_relative(path: str) -> bool:
    """Whether it counts from the current folder. `:memory:` is a database that is no file."""
    return not path.startswith((os.sep, ":"))


def is_asked_by(modules: frozenset[str]) -> bool:
    """Whether one of these modules has called what calls this: they ask where they are, and mean their bundle."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_globals.get("__name__") in modules:
            return True
        frame = frame.f_back
    return False


class WorkingFolders:
    """Those of an executor. bundle: where all its actions begin. root: holds the folders; the worker removes it."""

    def __init__(self, bundle: Path, root: Path) -> None:
        self.bundle = bundle
        self._root = root

    @staticmethod
    def root_of(home: str, executor: str) -> Path:
        return Path(home) / "work" / executor

    def path_of(self, lease: Lease) -> Path:
        return self._root / f"{lease.key.run}-{lease.key.name}-{lease.epoch}"

    def make(self, lease: Lease) -> WorkingFolder:
        return WorkingFolder(self.path_of(lease), self.bundle)

    def remove(self, lease: Lease) -> None:
        """Its code has ended. Takes as long as there are files."""
        shutil.rmtree(self.path_of(lease), ignore_errors=True)


class WorkingFolder:
    """One that exists until it is removed."""

    def __init__(self, path: Path, bundle: Path) -> None:
        self.path = path
        self._bundle = bundle
        self._is_busy = False
        path.mkdir(parents=True)
        self._link_entries(bundle, path)

    def _link_entries(self, bundled: Path, folder: Path) -> None:
        for entry in os.scandir(bundled):
            (folder / entry.name).symlink_to(entry.path)

    def prepare(self, event: str, path: str) -> None:
        """Take over what this event is about to change, if that is in this folder."""
        base = Path.cwd() if is_relative(path) else Path(path)
        if not base.is_relative_to(self.path):
            return
        for parent in reversed(Path(path).parents):
            if (bundled := self._bundled(parent)) is not None:
                parent.unlink()
                parent.mkdir()
                self._link_entries(bundled, parent)
        if event in FILE_CHANGES and (bundled := self._bundled(Path(path))) is not None:
            Path(path).unlink()
            shutil.copy2(bundled, path)

    def _bundled(self, path: Path) -> Path | None:
        """Where in the bundle this link leads; None for everything else."""
        if not path.is_symlink():
            return None
        target = path.readlink()
        return target if target.is_relative_to(self._bundle) else None

    def enter(self, asking_for_bundle: frozenset[str]) -> None:
        """Make it the current folder of this process, for ever, which is one action's and is in the bundle now.

        Modules are imported from the bundle still. asking_for_bundle: see `is_asked_by`.
        """
        sys.path[:] = map(os.path.abspath, sys.path)
        os.chdir(self.path)
        getcwd = os.getcwd
        os.getcwd = lambda: str(self._bundle) if is_asked_by(asking_for_bundle) else getcwd()
        sys.addaudithook(self._watch)

    def _watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._is_busy or not (paths := changed_paths(event, arguments)):
            return
        self._is_busy = True
        try:
            for path in paths:
                self.prepare(event, path)
        finally:
            self._is_busy = False
