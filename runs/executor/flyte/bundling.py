"""Code bundles that an action builds, because it starts a run, are built in a thread of their own.

The SDK walks, hashes and packs the files on its own loop, of which a process has one: meanwhile no other action of the process
would get an answer from `flyte.remote`. What pickles a task for a child stays where it is: it reads objects of the user's code, which
changes them on its loop only.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from runs.executor.flyte import sdk

BUILDERS = ("build_code_bundle", "build_code_bundle_from_relative_paths")


class _Build:
    """One call of a builder, on a loop of its own in a thread of the pool."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self._work = work
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._is_cancelled = False

    def run(self) -> Any:
        return asyncio.run(self._build())

    async def _build(self) -> Any:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        if self._is_cancelled:
            self._work.close()
            raise asyncio.CancelledError
        return await self._work

    def cancel(self) -> None:
        """Upload nothing any more. What it packs at this moment it packs to the end."""
        self._is_cancelled = True
        if self._loop is not None and self._task is not None:
            with suppress(RuntimeError):  # it has ended just now
                self._loop.call_soon_threadsafe(self._task.cancel)


def apart(build: Callable[..., Coroutine[Any, Any, Any]], pool: ThreadPoolExecutor) -> Callable[..., Any]:
    """The same builder, in a thread of the pool.

    That thread is the SDK's, and not something that the action has started and that ends with it (law 14). What is logged there
    is the action's all the same.
    """

    @functools.wraps(build)
    async def build_apart(*args: Any, **options: Any) -> Any:
        one = _Build(build(*args, **options))
        in_context = functools.partial(contextvars.copy_context().run, one.run)
        future = contextvars.Context().run(pool.submit, in_context)
        try:
            return await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            one.cancel()
            raise

    return build_apart


def install() -> None:
    """Replace the builders, for all who import them when they are called."""
    pool = ThreadPoolExecutor(thread_name_prefix="flyteui-bundles")
    for name in BUILDERS:
        setattr(sdk.code_bundles, name, apart(getattr(sdk.code_bundles, name), pool))
