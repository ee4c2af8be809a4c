"""The current folder of each action, though a process has only one.

All actions begin in the folder of their bundle. One that is about to change something there, or asks where it is, gets a folder of
its own first; one that changes its folder changes no other's. Each step of an action begins in its folder, and a thread that works
for an action is in the action's (Linux; on other systems threads are where the process is).
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from runs.executor.attempt.attempt import CURRENT, Attempt
from runs.executor.attempt.state import State
from runs.executor.attempt.working_folder import (
    FILE_CHANGES,
    FOLDER_CHANGES,
    WorkingFolders,
    changed_paths,
    is_asked_by,
    is_relative,
)

# What these start may write where it is started.
STARTS = frozenset({"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen"})
_WATCHED = {*STARTS, *FILE_CHANGES, *FOLDER_CHANGES, "os.listdir", "os.scandir"}
_IMPORT = "importlib._bootstrap"
_CLONE_FS = 0x200


class CurrentFolders:
    """sdk: modules of the SDK that ask where they are, and mean the bundle."""

    def __init__(self, own: WorkingFolders, sdk: frozenset[str]) -> None:
        self._own = own
        self._asking_for_bundle = sdk | {_IMPORT}  # what a module remembers is of all actions
        self._begin = str(own.bundle)
        self._here = self._begin  # of the user's loop
        self._thread = _Thread()
        self._getcwd, self._chdir = os.getcwd, os.chdir

    def install(self) -> None:
        """For the whole process, for ever. Call it on the thread of the user's loop."""
        self._thread.is_of_loop = True
        os.getcwd, os.getcwdb = self._asked, lambda: os.fsencode(self._asked())
        os.chdir, os.fchdir = self._noting(os.chdir), self._noting(os.fchdir)
        sys.addaudithook(self._watch)

    def enter(self, attempt: Attempt) -> None:
        """Begin a step of it, on the user's loop."""
        folder = attempt.folder or self._begin
        if folder is not self._here:
            self._here = folder
            with suppress(OSError):  # its code has removed it
                self._chdir(folder)

    def _watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _WATCHED or self._thread.is_busy or (attempt := CURRENT.get()) is None:
            return
        self._thread.is_busy = True
        try:
            paths = changed_paths(event, arguments)
            if event in STARTS or any(map(is_relative, paths)):
                self._make_own(attempt)
            self._go_to(attempt)
            if attempt.own_folder is not None:
                for path in paths:
                    attempt.own_folder.prepare(event, path)
        finally:
            self._thread.is_busy = False

    def _make_own(self, attempt: Attempt) -> None:
        """Not while its module is imported, and not when it has changed its folder."""
        if not attempt.folder and attempt.state is State.RUNNING:
            attempt.own_folder = self._own.make(attempt.lease)
            attempt.folder = str(attempt.own_folder.path)

    def _go_to(self, attempt: Attempt) -> None:
        """Be where the action is, on whatever thread."""
        if self._thread.is_of_loop:
            self.enter(attempt)
        elif self._thread.leave_others():
            self._chdir(attempt.folder or self._begin)

    def _asked(self) -> str:
        """In place of `os.getcwd`."""
        if (attempt := CURRENT.get()) is None or self._thread.is_busy:
            return self._getcwd()
        if is_asked_by(self._asking_for_bundle):
            return self._begin
        self._thread.is_busy = True
        try:
            self._make_own(attempt)
            self._go_to(attempt)
        finally:
            self._thread.is_busy = False
        return self._getcwd()

    def _noting(self, change: Callable[..., None]) -> Callable[..., None]:
        """Note, after this change of the folder, where the action is."""

        def change_own(path: Any) -> None:
            change(path)
            if (attempt := CURRENT.get()) is not None:
                attempt.folder = self._getcwd()
                if self._thread.is_of_loop:
                    self._here = attempt.folder

        return change_own


class _Thread(threading.local):
    """What is true of one thread."""

    is_of_loop = False
    is_busy = False  # with this, which must not watch itself
    _is_apart: bool | None = None

    def leave_others(self) -> bool:
        """Have a current folder of its own from now on; False where the system does not offer that."""
        if self._is_apart is None:
            libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
            self._is_apart = libc is not None and libc.unshare(_CLONE_FS) == 0
        return bool(self._is_apart)
