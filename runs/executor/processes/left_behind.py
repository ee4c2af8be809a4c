"""Law 14 in a process of its own: what its code has left behind ends before the process does.

As in a process that actions share (`runs/executor/loop/leftovers.py`): told at once, told again after the grace period, and
after another one the process ends without it. Only what Python would wait for has to be told: threads that are no daemons,
and workers of `multiprocessing`. The end of the process ends all else, and the shim what outlives that.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import thread as thread_pool
from itertools import dropwhile
from multiprocessing.process import BaseProcess, active_children
from queue import Empty
from typing import Any

from runs.executor.attempt.owned import (
    FIRST_LOOK_SECONDS,
    LAST_LOOK_SECONDS,
    REST_SECONDS,
    SHOWN_AFTER_SECONDS,
    clause,
    frames_of,
    is_library,
    name_of,
    position_of,
    raise_in,
    shorten,
)
from runs.executor.attempt.stacks import format_frames

_POOL_THREAD = thread_pool._worker.__code__
_quiet: set[threading.Thread] = set()  # threads that were told
_POOL_CALL = thread_pool._WorkItem.run.__code__


class LeftBehind:
    """show: called with what goes on, as a clause, and its stacks; when it has gone on for a moment, and when that changes.

    conclude: called with the names of what was ended, if anything was.
    """

    def __init__(
        self, grace_seconds: float, *, show: Callable[[str, str], None], conclude: Callable[[str], None]
    ) -> None:
        self._grace_seconds = grace_seconds
        self._show = show
        self._conclude = conclude
        self._known: dict[object, _Thread | _Worker] = {}
        self._shown = ""
        self._insists = False

    def find(self) -> list[_Thread | _Worker]:
        """What goes on."""
        own = {threading.main_thread(), threading.current_thread()}
        threads = [one for one in threading.enumerate() if not one.daemon and one not in own and _works(one)]
        workers = [one for one in active_children() if not one.daemon]
        return [
            *(self._known.setdefault(one, _Thread(one)) for one in threads),
            *(self._known.setdefault(one, _Worker(one)) for one in workers),
        ]

    async def end(self) -> bool:
        """End it. False if something goes on that only the end of this process ends, because it refuses or waits."""
        if threading.excepthook is threading.__excepthook__:
            threading.excepthook = _report_uncaught
        begun, pause = time.monotonic(), FIRST_LOOK_SECONDS
        while left := self.find():
            age = time.monotonic() - begun
            if age >= 2 * self._grace_seconds:
                _log("something that it has started does not end, so its process is ended")
                break
            resting = [one for one in left if one.rests()]
            if len(resting) == len(left):
                break
            self._tell(left, age)
            await asyncio.sleep(pause)
            pause = min(1.5 * pause, LAST_LOOK_SECONDS)
        if names := [*dict.fromkeys(one.name for one in self._known.values())]:
            _log(f"what it had started was ended with it: {shorten(names)}")
            self._conclude(shorten(names))
        return not left

    def _tell(self, left: Iterable[_Thread | _Worker], age: float) -> None:
        names = [one.name for one in left]
        if age >= self._grace_seconds and not self._insists:
            self._insists = True
            _log(f"it has ended, but something that it has started goes on: {shorten(names)}")
            for one in left:
                one.is_told = False
        for one in left:
            if not one.is_told:
                one.is_told = True
                one.tell(insists=self._insists)
        if age >= SHOWN_AFTER_SECONDS and (what := clause(names)) != self._shown:
            self._shown = what
            self._show(what, "\n".join(filter(None, (one.stack() for one in left))))


class _Thread:
    """A thread, or what runs in one of a pool."""

    def __init__(self, thread: threading.Thread) -> None:
        self._thread = thread
        self.is_told = False
        self._position: tuple[object, ...] = ()
        self._since = time.monotonic()
        calls = [frame.f_locals["self"] for frame in frames_of(thread) if frame.f_code is _POOL_CALL]
        # From Python 3.14 on a call has its function in a tuple.
        functions = [vars(call)["fn"] if "fn" in vars(call) else call.task[0] for call in calls]
        self._function = name_of(functions[-1] if functions else thread.run)
        self.name = f"a thread in {self._function}()"

    def tell(self, *, insists: bool) -> None:
        del insists
        _quiet.add(self._thread)
        withdraw_calls()
        raise_in(self._thread, asyncio.CancelledError)

    def rests(self) -> bool:
        """Whether it waits: it has been told to end, and has not moved since."""
        now, position = time.monotonic(), position_of(self._thread, frames_of(self._thread))
        if position != self._position:
            self._position, self._since = position, now
        return self.is_told and now - self._since >= REST_SECONDS

    def stack(self) -> str:
        users = dropwhile(is_library, frames_of(self._thread))
        return f"In a thread that it has started, in {self._function}:\n{format_frames(users)}"


class _Worker:
    """A worker process of `multiprocessing`."""

    def __init__(self, process: BaseProcess) -> None:
        self._process = process
        self.is_told = False
        self.name = f"process {process.name}"

    def tell(self, *, insists: bool) -> None:
        if insists:
            self._process.kill()
        else:
            self._process.terminate()

    def rests(self) -> bool:
        return False

    def stack(self) -> str:
        return ""


def _works(thread: threading.Thread) -> bool:
    """Whether it goes on: it has begun, and is none of a pool that has nothing to do, which ends with this process."""
    codes = [frame.f_code for frame in frames_of(thread)]
    return thread.is_alive() and (_POOL_THREAD not in codes or _POOL_CALL in codes)


def withdraw_calls() -> None:
    """Cancel the calls that wait for a thread of their pool."""
    for queue in set(vars(thread_pool)["_threads_queues"].values()):
        try:
            while True:
                if (call := queue.get_nowait()) is not None:
                    call.future.cancel()
        except Empty:
            queue.put(None)  # as the pool's own `shutdown` does


def _report_uncaught(what: Any) -> None:
    """As Python does, but for a thread that ends by what it was told: that is no news."""
    if what.thread not in _quiet or what.exc_type is not asyncio.CancelledError:
        threading.__excepthook__(what)


def _log(text: str) -> None:
    print(f"flyteui: {text}", file=sys.stderr, flush=True)
