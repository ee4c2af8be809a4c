"""What the code of an attempt has started beside its asyncio tasks: threads, work in thread pools, processes (law 14).

Most attempts start nothing of the kind, and have no `Owned`.
"""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import itertools
import os
import sys
import sysconfig
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from runs.executor import ROOT

# In the environment of the programs that an action starts, so that a daemon is known whose parents have ended.
MARK = "_FLYTEUI_ACTION"
_numbers = itertools.count(1)
# What goes on for longer is shown in the action's row.
SHOWN_AFTER_SECONDS = 1.5
# Between two looks at what is left; each pause is longer than the one before.
FIRST_LOOK_SECONDS = 0.005
LAST_LOOK_SECONDS = 0.2
# A thread that has been told to end, and has not moved for so long, waits: it runs nothing more when it wakes up.
REST_SECONDS = 1.0
MAX_NAME = 100  # characters of it there
MAX_NAMES = 10
_LIBRARIES = (
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    str(ROOT / "runs"),
    "<frozen",
)
# A thread must not be told to end when it works for somebody else already.
_lock = threading.Lock()

Identity = tuple[int, int]  # of a process: its number and when it was started


class Owned:
    """Any thread may add to it."""

    __slots__ = ("enter", "leave", "mark", "output", "processes", "running", "threads")

    def __init__(
        self, enter: Callable[[], int] = lambda: -1, leave: Callable[[int], None] = lambda _: None
    ) -> None:
        """enter and leave: called in each thread that works for the action, before and after that (`record.Works`)."""
        self.enter, self.leave = enter, leave
        self.mark = f"{marks_of(os.getpid())}{next(_numbers)}"
        self.threads: set[ThreadWork] = set()  # that has begun, or will when its pool has a thread for it
        self.processes: set[Identity] = set()  # those that its code started itself, gone or not
        self.output: ProgramOutput | None = None  # of its processes
        self.running: list[str] = []  # names of the processes that ran when somebody looked last

    @property
    def is_clear(self) -> bool:
        """Whether nothing is left, as far as that is known without a look at the machine's processes."""
        return not self.processes and self.output is None and not self.left_threads()

    def left_threads(self) -> list[ThreadWork]:
        """Those that go on; not a library's that idles."""
        return [work for work in list(self.threads) if not work.is_service or work.runs_user_code]


class ProgramOutput(Protocol):
    """Where the processes of an action write that have not been given another place."""

    out: int
    err: int

    def close(self) -> None:
        """Read what is left, and close both. On the link's thread."""


class ThreadWork:
    """A function of the action that runs in a thread: the whole of a thread that its code has started, or a call in a pool.

    is_service: a library has started the thread as a daemon, to serve whoever uses the library next.
    """

    def __init__(self, owned: Owned, function: Callable[..., Any], *, is_service: bool = False) -> None:
        self.name = name_of(function)
        self.is_service = is_service
        self._owned = owned
        self._function: Callable[..., Any] | None = function
        self._context = contextvars.copy_context()
        self._thread: threading.Thread | None = None
        self._is_told = False
        # A call in a pool that has no thread for it yet is cancelled there.
        self.withdraw: Callable[[], object] = lambda: None
        owned.threads.add(self)

    def __call__(self, *args: Any, **options: Any) -> Any:
        function, self._function = self._function, None
        assert function is not None
        self._thread = threading.current_thread()
        place = self._owned.enter()
        try:
            return self._context.run(function, *args, **options)
        finally:
            self._owned.leave(place)
            self.leave()

    def run_thread(self) -> None:
        """As the `run` of a thread: what it was told to raise is no news."""
        try:
            self()
        except asyncio.CancelledError:
            if not self._is_told:
                raise

    def leave(self, *_: Any) -> None:
        """It has ended, or never begins. Idempotent."""
        with _lock:
            thread, self._thread = self._thread, None
            if thread is threading.current_thread():
                raise_in(thread, None)  # what was to be raised and was not yet
        self._owned.threads.discard(self)

    def tell(self) -> None:
        """Raise CancelledError in it: at once in Python code; in native code, and while it waits, when that returns."""
        with _lock:
            if (thread := self._thread) is not None:
                self._is_told = True
                raise_in(thread, asyncio.CancelledError)
                return
        self.withdraw()

    @property
    def frames(self) -> list[FrameType]:
        """Where it is, from its function on; empty when it has not begun, or is a native function."""
        frames = frames_of(self._thread) if self._thread is not None else []
        codes = [frame.f_code for frame in frames]
        last = len(codes) - codes[::-1].index(_CALL) if _CALL in codes else 0
        return frames[last:]

    @property
    def runs_user_code(self) -> bool:
        return any(not is_library(frame) for frame in self.frames)

    def position(self) -> tuple[object, ...]:
        """Equal at two moments if it has not moved in between: it waits, and nothing of it runs."""
        thread = self._thread
        return () if thread is None else position_of(thread, self.frames)


_CALL = ThreadWork.__call__.__code__


def frames_of(thread: threading.Thread) -> list[FrameType]:
    """Where a thread is, the innermost frame last."""
    frame = sys._current_frames().get(thread.ident or 0)
    found: list[FrameType] = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found[::-1]


def position_of(thread: threading.Thread, frames: list[FrameType]) -> tuple[object, ...]:
    """Equal at two moments if the thread has not moved in between."""
    return (*((id(frame), frame.f_lasti) for frame in frames[-1:]), _processor_time(thread.native_id))


def marks_of(executor_pid: int) -> str:
    """How the marks of all actions of an executor begin."""
    return f"{executor_pid}-"


def is_library(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_LIBRARIES)


def name_of(function: Any) -> str:
    """The user's word for it, below the wrappers of the standard library; of a nested function, without those around it."""
    while True:
        if isinstance(function, partial):
            is_in_context = isinstance(getattr(function.func, "__self__", None), contextvars.Context)
            function = function.args[0] if is_in_context and function.args else function.func
        elif isinstance(thread := getattr(function, "__self__", None), threading.Thread):
            target = getattr(thread, "_target", None)
            if target is None:
                return f"{type(thread).__qualname__}.run"
            function = target
        else:
            name = str(getattr(function, "__qualname__", type(function).__qualname__))
            return name.rpartition("<locals>.")[2]


def raise_in(thread: threading.Thread, error: type[BaseException] | None) -> None:
    """Raise this in the thread when it runs Python code next. None: what was to be raised is not, if it was not yet."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread.ident or 0), None if error is None else ctypes.py_object(error)
    )


def _processor_time(native_id: int | None) -> str:
    """The processor time of the thread, and how often it was given a processor; empty where the system does not say."""
    with suppress(OSError):
        return Path(f"/proc/self/task/{native_id}/schedstat").read_text()
    return ""


def shorten(names: list[str], most: int = MAX_NAMES) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def clause(names: list[str]) -> str:
    """What goes on, as it follows *Ending:* in a row."""
    names = [name[:MAX_NAME] for name in dict.fromkeys(names)]
    verb = "go on" if len(names) > 1 else "goes on"
    if len(names) == 2:
        return f"{' and '.join(names)} {verb}"
    return f"{shorten(names, 1)} {verb}"
