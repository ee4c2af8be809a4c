"""What an action may not do to the process that it shares: calls that end, signal or strip a process reach its caller only.

In a process of its own, each of these ends the task and nobody else, and so it does here: it is raised in the code that
calls. What a task forks is its own and may do as it likes, and so may code that belongs to no action.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import stat
import sys
from collections.abc import Callable
from functools import partial, wraps
from types import FrameType
from typing import Any, NoReturn

from runs.executor.attempt.attempt import CURRENT, Attempt
from runs.executor.processes.exits import describe_crash

# Python's default for them is to end the process, at a moment at which nobody knows any more who wanted that.
_UNWANTED = (
    signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2,
)  # fmt: skip
_HARMLESS = frozenset({0, signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH, signal.SIGPIPE})


_O_PATH: int | None = getattr(os, "O_PATH", None)  # of Linux
File = tuple[int, int]  # its device and its inode


class ProcessEnd(BaseException):
    """An action asked for the end of its process. code: that of the failure which this is."""

    def __init__(self, code: int) -> None:
        failure = describe_crash(code)
        name = signal.Signals(-code).name if code < 0 else ""
        super().__init__(f"The task sent {name} to its own process." if name else failure.message)
        self.code = failure.code


class Guards:
    """The functions in place of Python's, for one process and the loop that its actions share.

    link: returns the descriptor of the socket to the server.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, link: Callable[[], int] = lambda: -1) -> None:
        self._loop = loop
        self._link = link
        self._own: dict[int, File] = {}
        self._pins: list[int] = []
        self._pid = os.getpid()
        self._handlers: dict[int, Any] = {}

    def install(self) -> None:
        """Once in a process, on its main thread, when its own signal handlers are there."""
        for number in _UNWANTED:
            signal.signal(number, _ignore)
        self._handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
        self._own = open_descriptors()
        self._pins = [pin for fd in self._own if (pin := _pin(fd)) is not None]
        for name, place in (("close", 0), ("dup2", 1), ("fdopen", 0)):
            self._replace(os, name, partial(self._on_descriptor, name, place))
        self._replace(os, "_exit", self._exit)
        self._replace(os, "abort", self._abort)
        self._replace(os, "kill", self._kill)
        self._replace(os, "killpg", self._killpg)
        self._replace(os, "closerange", self._closerange)
        self._replace(signal, "raise_signal", self._raise_signal)
        self._replace(signal, "signal", self._signal)
        self._replace(asyncio, "all_tasks", self._all_tasks)
        asyncio.tasks.all_tasks = asyncio.all_tasks
        self._replace(os, "umask", self._umask)
        self._replace(self._loop, "set_default_executor", self._set_default_executor)

    def _replace(self, module: Any, name: str, guard: Callable[..., Any]) -> None:
        """Call the guard with the original, its arguments and the action, where an action of this process calls."""
        original = getattr(module, name)

        @wraps(original)
        def guarded(*args: Any, **options: Any) -> Any:
            attempt = CURRENT.get()
            if attempt is None or os.getpid() != self._pid:
                return original(*args, **options)
            return guard(attempt, original, *args, **options)

        setattr(module, name, guarded)

    # Each takes the action, the original, and then what the original takes.

    def _exit(self, attempt: Attempt, original: Any, status: int) -> NoReturn:
        raise ProcessEnd(status & 0xFF)

    def _abort(self, attempt: Attempt, original: Any) -> NoReturn:
        raise ProcessEnd(-signal.SIGABRT)

    def _kill(self, attempt: Attempt, original: Any, pid: int, number: int) -> None:
        if pid in {self._pid, 0, -1, -os.getpgrp()}:
            self._check_signal(number)
        original(pid, number)

    def _killpg(self, attempt: Attempt, original: Any, group: int, number: int) -> None:
        if group in {0, os.getpgrp()}:
            self._check_signal(number)
        original(group, number)

    def _raise_signal(self, attempt: Attempt, original: Any, number: int) -> None:
        self._check_signal(number)
        original(number)

    def _check_signal(self, number: int) -> None:
        """A signal for which there is a handler of user code may come."""
        if number not in _HARMLESS and signal.getsignal(number) is self._handlers.get(number):
            raise ProcessEnd(-number)

    def _signal(self, attempt: Attempt, original: Any, number: int, handler: Any) -> Any:
        """A handler may raise, and does so in whatever code runs: only in its own action's."""
        attempt.note_change("signal handlers")
        return original(number, _only_in(attempt, handler) if callable(handler) else handler)

    def _on_descriptor(
        self, name: str, place: int, attempt: Attempt, original: Any, *args: Any, **options: Any
    ) -> Any:
        """place: of the descriptor among the arguments."""
        fd = args[place] if len(args) > place else None
        if (self._is_own(fd) or fd == self._link()) and options.get("closefd", True):
            raise OSError(
                errno.EBADF,
                f"os.{name}: {fd} is a descriptor of the process that this action shares with others, and none of its own",
            )
        return original(*args, **options)

    def _is_own(self, fd: Any) -> bool:
        """Whether it is still the file that the process had there: once closed, its number is the next action's to open."""
        file = self._own.get(fd) if isinstance(fd, int) else None
        return file is not None and file == file_of(fd)

    def _closerange(self, attempt: Attempt, original: Any, low: int, high: int) -> NoReturn:
        raise PermissionError(
            f"os.closerange({low}, {high}) would close descriptors of the process that this action shares with others. "
            "Close those that you have opened, or do it in a subprocess."
        )

    def _umask(self, attempt: Attempt, original: Any, mask: int) -> int:
        before: int = original(mask)
        attempt.note_change("umask", lambda: original(before) != before)
        return before

    def _set_default_executor(self, attempt: Attempt, original: Any, executor: Any) -> None:
        attempt.note_change("default executor")
        original(executor)

    def _all_tasks(self, attempt: Attempt, original: Any, loop: Any = None) -> set[asyncio.Task[Any]]:
        """Its own, as in a process of its own: who cancels all of them means those."""
        tasks: set[asyncio.Task[Any]] = original(loop)
        if (loop or asyncio.get_running_loop()) is self._loop:
            tasks &= set(attempt.open_tasks())
        return tasks


def open_descriptors() -> dict[int, File]:
    """Those that are open now, but for the three standard streams."""
    found = {}
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 -- names are needed; that folder's own descriptor is closed again
        if (fd := int(name)) > 2 and (file := file_of(fd)) is not None:
            found[fd] = file
    return found


def file_of(fd: int) -> File | None:
    """What is open there; None when nothing is."""
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _pin(fd: int) -> int | None:
    """Keep the inode of a file, or its number would be that of the next file, once this one is deleted and closed.

    Only that, where the system can: a copy of the descriptor would keep a pipe open, and a lock.
    """
    if _O_PATH is None:
        return None
    try:
        is_file = stat.S_ISREG(os.fstat(fd).st_mode)
        return os.open(f"/dev/fd/{fd}", _O_PATH | os.O_CLOEXEC) if is_file else None
    except OSError:
        return None


def _only_in(attempt: Attempt, handler: Callable[[int, FrameType | None], Any]) -> Any:
    @wraps(handler)
    def handle(number: int, frame: FrameType | None) -> Any:
        if CURRENT.get() is attempt:
            return handler(number, frame)
        _ignore(number, frame)
        return None

    return handle


def _ignore(number: int, frame: FrameType | None) -> None:
    name = signal.Signals(number).name
    print(
        f"flyteui executor: {name} is ignored: no code of the action that handles it runs",
        file=sys.__stderr__,
    )
