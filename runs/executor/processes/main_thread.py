"""Runs the code of an isolated action in the main thread of its process, and raises CancelledError there.

A signal interrupts a blocking call in the main thread, and in no other. So the SDK's event loop runs in a second thread. A
coroutine (an `async def` that runs alone, a plugin's own `execute`) has its loop in the main thread, and asyncio cancels it.
"""

from __future__ import annotations

import asyncio
import contextvars
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, NoReturn

from runs.executor.attempt.long_steps import LongSteps
from runs.executor.attempt.stacks import stack_of_tasks

# Programs do not use it and it is never sent to a group. Other systems than Linux have no signal to spare.
CANCEL_SIGNAL = signal.SIGRTMAX - 1 if sys.platform == "linux" else signal.SIGUSR2
AGAIN_SECONDS = 0.01
RESPONSE_SECONDS = 0.1  # a loop that does not respond for so long to the second cancel is blocked

Call = Callable[[], None]
AnyTask = asyncio.Task[Any]


class MainThread:
    """delivered: called in the main thread when CancelledError is about to be raised in the code, or its task is cancelled.

    leave: ends the process at once, with this exit code. end_threads: ends those that the code has left behind, and returns
    whether it could. grace_seconds: of the tasks that a coroutine leaves behind.
    """

    serves_coroutines = False  # the SDK's loop is in another thread for them, too

    def __init__(
        self,
        delivered: Callable[[], None],
        leave: Callable[[int], NoReturn],
        end_threads: Callable[[], Awaitable[bool]],
        grace_seconds: float,
    ) -> None:
        self.was_cancelled = False
        self.began_ns = 0  # when a coroutine began, of the monotonic clock
        self.long_steps = LongSteps()
        self._delivered = delivered
        self._leave = leave
        self._end_threads = end_threads
        self._grace_seconds = grace_seconds
        self._reason = ""
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._raised: asyncio.CancelledError | None = None
        self._task: AnyTask | None = None  # while it runs a coroutine
        self._before: set[AnyTask] = set()  # tasks of the SDK, of which the code knows nothing
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_blocked = False
        # True before the code begins, too, so that an early abort keeps it from beginning; False after it, while the SDK
        # uploads what it returned.
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
        if self._is_blocked and self._task is not None:
            self._is_blocked = False
            raise asyncio.CancelledError(self._reason)
        if not (self._may_raise and self._reason):
            return
        self._may_raise = False
        self.was_cancelled = True
        if self._task is not None:
            self._task.get_loop().call_soon_threadsafe(self._cancel_task)
        else:
            self._delivered()
            self._raised = asyncio.CancelledError(self._reason)
            raise self._raised

    def _cancel_task(self) -> None:
        if self._task is not None:
            self._delivered()
            self._task.cancel(self._reason)

    def cancel_again(self) -> None:
        """Cancel the coroutine's task once more; where it blocks its loop, raise CancelledError there. From any other thread."""
        if (loop := self._loop) is None:
            return
        if self._task is None:  # the code has ended, but what it has started in threads has not
            self._leave(1)
        has_responded = threading.Event()
        loop.call_soon_threadsafe(has_responded.set)
        loop.call_soon_threadsafe(self._cancel_task)
        if not has_responded.wait(RESPONSE_SECONDS):
            self._is_blocked = True
            self._interrupt()

    def call_with_stack(self, write: Callable[[str], None]) -> None:
        """Have it called with the stacks of the code's tasks, if their loop runs. From any other thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(lambda: write(stack_of_tasks(self._open_tasks(), self._task)))

    def _open_tasks(self) -> list[AnyTask]:
        """The code's task, and those that it has started beside it."""
        own = [self._task] if self._task is not None else []
        return [*own, *self._left_behind()]

    def _not_raised(self, hook: Callable[[Any], object], what: Any) -> None:
        """CancelledError was raised in a destructor, which Python swallows: raise it again a little later."""
        if what.exc_value is self._raised is not None:
            self._may_raise = True
            threading.Timer(AGAIN_SECONDS, self._interrupt).start()
        else:
            hook(what)

    def close(self) -> None:
        """No code of the action runs any more."""
        self._may_raise = False

    # For the SDK.

    def serve(self, entry_point: Callable[[], int]) -> int:
        """Run the entry point in a thread and its calls for the main thread here; return the exit code.

        Raises CancelledError when an abort comes between two calls.
        """
        codes: list[int] = []

        def enter() -> None:
            # Of the main thread, for which the entry point was written, grpc takes a loop that nobody has made.
            asyncio.set_event_loop(asyncio.new_event_loop())
            try:
                codes.append(entry_point())
            finally:
                self._calls.put(None)

        threading.Thread(target=enter, name="flyte-entry-point", daemon=True).start()
        while (call := self._calls.get()) is not None:
            call()
        return codes[0]

    def load(self, load: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap the SDK's loader of tasks, to run it here: modules may need the main thread when they are imported."""
        return lambda *args, **options: self._call(partial(load, *args, **options)).result()

    def run_function(self, elsewhere: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Wrap the SDK's way to run a plain function. Only the first, the action's own, runs here."""

        async def run(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
            if self._is_taken:
                return await elsewhere(function, *args, **options)
            self._is_taken = True
            return await asyncio.wrap_future(
                self._call(partial(self._to_the_end, function, *args, **options))
            )

        return run

    def run_task(self, run: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Wrap the SDK's way to run a task whose loop is here: from now on an abort cancels its asyncio task."""

        async def run_and_close(*args: Any, **options: Any) -> Any:
            self._loop = asyncio.get_running_loop()
            self._before = asyncio.all_tasks()
            self._task = asyncio.current_task()
            self.began_ns = time.monotonic_ns()
            self.long_steps.sample(
                self.began_ns
            )  # what was waited for before, in this same step, is not its code's
            try:
                return await run(*args, **options)
            except asyncio.CancelledError:
                if self.was_cancelled:
                    await self.end_left_behind()
                    self._leave(1)
                raise
            finally:
                self._may_raise = False
                self._task = None

        return run_and_close

    async def end_left_behind(self) -> None:
        """Cancel the tasks that a coroutine has left behind, as often as an action, and then end its threads.

        The process ends with what refuses. What a function leaves is ended when its main thread has nothing else to do.
        """
        if self._loop is None:
            return
        for _ in range(2):
            if left := self._left_behind():
                for task in left:
                    task.cancel("its action has ended")
                await asyncio.wait(left, timeout=self._grace_seconds)
        if left := self._left_behind():
            names = ", ".join(task.get_name() for task in left)
            print(f"flyteui: the action ends, and with it what refuses to stop: {names}", file=sys.stderr)
            self._leave(0)
        self._task = None  # from now on a second request ends this process
        # `asyncio.run` would wait for them without an end.
        if not await self._end_threads():
            self._leave(1 if self.was_cancelled else 0)

    def _left_behind(self) -> set[AnyTask]:
        """Tasks of the code beside its own."""
        return asyncio.all_tasks(self._loop) - self._before - {asyncio.current_task()}

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
