"""Where the code of an isolated action runs: in the main thread of its process, which a signal can call out of a blocking
call, as nothing can another thread. The SDK's event loop has a thread beside it.

A task whose `execute` is a coroutine of its own (a plugin's) has its loop here, as in a container, and asyncio cancels it.
"""

from __future__ import annotations

import asyncio
import contextvars
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any

# Neither is used by programs, nor sent to a group; elsewhere than on Linux there are no signals to spare.
CANCEL_SIGNAL = signal.SIGRTMAX - 1 if sys.platform == "linux" else signal.SIGUSR2
AGAIN_SECONDS = 0.01

Call = Callable[[], None]


class MainThread:
    """told: called in the main thread when CancelledError is about to be raised in the code, or its task is cancelled."""

    def __init__(self, told: Callable[[], None]) -> None:
        self.was_cancelled = False
        self._told = told
        self._reason = ""
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._raised: asyncio.CancelledError | None = None
        self._task: asyncio.Task[Any] | None = None
        # Before the code begins, too: what has not begun never does. Not after it: what it returned is being uploaded.
        self._may_raise = True
        self._is_taken = False

    def listen(self) -> None:
        signal.signal(CANCEL_SIGNAL, lambda *_: self._cancel())
        sys.unraisablehook = partial(self._not_raised, sys.unraisablehook)

    def cancel(self, reason: str) -> None:
        """Raise CancelledError(reason) in the code, once. From any other thread."""
        if not self._reason:
            self._reason = reason
            self._interrupt()

    def _interrupt(self) -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, CANCEL_SIGNAL)

    def _cancel(self) -> None:
        if not (self._may_raise and self._reason):
            return
        self._may_raise = False
        self.was_cancelled = True
        self._told()
        if self._task is not None:
            self._task.get_loop().call_soon_threadsafe(self._task.cancel, self._reason)
        else:
            self._raised = asyncio.CancelledError(self._reason)
            raise self._raised

    def _not_raised(self, hook: Callable[[Any], object], what: Any) -> None:
        """It came while a destructor ran, of which nothing can be raised: then once more, a little later."""
        if what.exc_value is self._raised is not None:
            self._may_raise = True
            threading.Timer(AGAIN_SECONDS, self._interrupt).start()
        else:
            hook(what)

    def close(self) -> None:
        """Nothing of the action runs any more."""
        self._may_raise = False

    # For the SDK.

    def serve(self, entry_point: Callable[[], int]) -> int:
        """Run the entry point in a thread, and here what it hands over; return the exit code. CancelledError comes out
        when it hits between two calls.
        """
        codes: list[int] = []

        def enter() -> None:
            try:
                codes.append(entry_point())
            finally:
                self._calls.put(None)

        threading.Thread(target=enter, name="flyte-entry-point", daemon=True).start()
        while (call := self._calls.get()) is not None:
            call()
        return codes[0]

    def load(self, load: Callable[..., Any]) -> Callable[..., Any]:
        """The SDK's loader of tasks, here: modules may need the main thread when they are imported."""
        return lambda *args, **options: self._call(partial(load, *args, **options)).result()

    def run_function(self, elsewhere: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """The SDK's way to run a plain function. The first one is the action's own; others run where they did."""

        async def run(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
            if self._is_taken:
                return await elsewhere(function, *args, **options)
            self._is_taken = True
            return await asyncio.wrap_future(
                self._call(partial(self._to_the_end, function, *args, **options))
            )

        return run

    def run_task(self, run: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """The SDK's way to run a task whose loop is here: from now on a cancel is its asyncio task's."""

        async def run_and_close(*args: Any, **options: Any) -> Any:
            self._task = asyncio.current_task()
            try:
                return await run(*args, **options)
            finally:
                self._may_raise = False

        return run_and_close

    def _to_the_end(self, function: Callable[..., Any], *args: Any, **options: Any) -> Any:
        try:
            return function(*args, **options)
        finally:
            self._may_raise = False

    def _call(self, function: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        context = contextvars.copy_context()

        def call() -> None:
            try:
                result = context.run(function)
            except BaseException as problem:
                future.set_exception(problem)
            else:
                future.set_result(result)

        self._calls.put(call)
        return future
