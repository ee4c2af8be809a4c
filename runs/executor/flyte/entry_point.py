"""Runs one action by the SDK's own entry point `a0`, of a version that our executor does not fit.

What it changes there it looks up by name, and where a version has no such name it goes without. So an action runs with any flyte
that speaks the server's protocol, and is aborted by the same laws with those that have all of these names (tried: 2.4 to 2.9).
"""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, TextIO

from runs.executor.attempt.working_folder import WorkingFolder
from runs.executor.flyte import credentials, digests, masked, seam
from runs.executor.flyte.waiting import AsyncFunction, CodeThread, Slot, WaitsWithoutSlot, redirect_logs

try:
    from runs.executor.flyte import handover
except Exception:  # File and Dir are made otherwise there
    handover = None  # type: ignore[assignment]

# What the entry point imports when an action starts.
PRELOADED = (
    "flyte", "flyte._bin.runtime", "flyte.remote", "flyte.io", "flyte.storage", "flyte._internal.controllers.remote",
    "flyte._internal.runtime.entrypoints", "flyte._internal.runtime.taskrunner", "flyte._internal.imagebuild.image_builder",
    "flyte._internal.controllers.remote._client", "flyte._internal.resolvers.default", "flyte.remote._client.controlplane",
    "flyte.git", "anyio", "certifi", "httpcore", "opentelemetry.metrics", "opentelemetry.propagate", "opentelemetry.trace",
    "pyqwest._glue", "rich.logging",
)  # fmt: skip
BARE = "_FLYTEUI_BARE"  # a variable: nothing is to be imported before the forks
MAIN = "flyte._bin.runtime:main"
CONTROLLERS = "flyte._internal.controllers.remote._controller"
TASK = "flyte._task:AsyncFunctionTaskTemplate"
RUN_TASK = ("flyte._internal.runtime.taskrunner", "run_task")
# Where plain functions are run, and where tasks are loaded.
RUN_FUNCTION = (
    ("flyte._utils.asyncify", "run_sync_in_thread"),
    ("flyte._utils.asyncify", "run_sync_with_loop"),
)
LOAD_TASK = (
    ("flyte._internal.runtime.entrypoints", "load_task"),
    ("flyte._internal.runtime.entrypoints", "load_pkl_task"),
)
ERROR = "flyte._internal.runtime.convert:convert_from_native_to_error"
UPLOAD_ERROR = "flyte._internal.runtime.io:upload_error"


class MainThread(CodeThread, Protocol):
    """Runs the user's code, coroutines too."""

    async def run_coroutine(self, run: AsyncFunction, *args: Any, **options: Any) -> Any: ...


def preload() -> None:
    """Import what an action needs, before the forks. Where that starts threads which cannot be ended, each action does it itself."""
    if BARE in os.environ:
        return
    for name in PRELOADED:
        with suppress(Exception):  # the action says it
            seam.find_module(name)
    _end_background_loop()
    if threading.active_count() > 1:
        os.environ[BARE] = "1"
        for fd in map(int, sys.argv[1:]):
            os.set_inheritable(fd, True)
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 -- no shell is wanted


def _background_loop() -> Any:
    """The SDK's loop for synchronous calls, in a thread of its own; None where a version has no such thing."""
    syncify = seam.find("flyte.syncify:syncify")
    loop = getattr(syncify, "_bg_loop", None)
    return loop if all(hasattr(loop, name) for name in ("thread", "loop", "_run")) else None


def _end_background_loop() -> None:
    if (background := _background_loop()) is not None and background.thread.is_alive():
        background.loop.call_soon_threadsafe(background.loop.stop)
        background.thread.join()
        background.loop.close()


def _begin_background_loop() -> None:
    if (background := _background_loop()) is not None and not background.thread.is_alive():
        background.loop = asyncio.new_event_loop()
        background.thread = threading.Thread(name=background.thread.name, target=background._run, daemon=True)
        background.thread.start()


def run(
    args: list[str], main: MainThread, slot: Slot, log: TextIO, folder: WorkingFolder, secrets: list[bytes]
) -> None:
    """Run it; `folder` becomes the current one when its code is next. What the entry point raises comes out, SystemExit too."""
    _begin_background_loop()
    redirect_logs(log)
    for name in LOAD_TASK:
        _wrap(name, main.load)
    for name in RUN_FUNCTION:
        _wrap(name, main.run_function)
    _wrap(RUN_TASK, partial(_in_main_thread, main, folder))
    _wrap((CONTROLLERS, "RemoteController"), partial(_controller, main, slot, log))
    if handover is not None:
        handover.install()
    masked.install(secrets)
    digests.install()
    credentials.install(os.environ["_U_EP_OVERRIDE"])
    a0 = seam.find(MAIN)
    a0.main(args=known_arguments(a0, args), prog_name="a0", standalone_mode=False)


def known_arguments(a0: Any, args: list[str]) -> list[str]:
    """Without the options that a newer client writes for an `a0` that has them. Each has a value."""
    known = {name for parameter in a0.params for name in (*parameter.opts, *parameter.secondary_opts)}
    rest = iter(args)
    kept: list[str] = []
    for arg in rest:
        if not arg.startswith("-") or arg.partition("=")[0] in known:
            kept.append(arg)
            if arg in known and (value := next(rest, None)) is not None:
                kept.append(value)
        elif "=" not in arg:
            next(rest, None)
    return kept


def _wrap(name: tuple[str, str], wrap: Callable[[Any], Any]) -> None:
    module, attribute = name
    if (found := seam.find(f"{module}:{attribute}")) is not None:
        setattr(seam.find_module(module), attribute, wrap(found))


def _in_main_thread(main: MainThread, folder: WorkingFolder, run_task: AsyncFunction) -> AsyncFunction:
    """The SDK's way to run a task, once: what the code runs in process itself is its own affair."""
    is_first = True

    async def run(*args: Any, **options: Any) -> Any:
        nonlocal is_first
        if not is_first:
            return await run_task(*args, **options)
        is_first = False
        folder.enter(frozenset({CONTROLLERS}))
        if _is_function(options.get("task")):
            return await run_task(*args, **options)
        return await main.run_coroutine(run_task, *args, **options)

    return run


def _is_function(task: Any) -> bool:
    kind = seam.find(TASK)
    return (
        kind is not None
        and isinstance(task, kind)
        and type(task).execute is kind.execute
        and not inspect.iscoroutinefunction(task.func)
    )


def _controller(main: MainThread, slot: Slot, log: TextIO, theirs: type) -> Any:
    """A controller of the SDK that waits without its slot."""
    return partial(type("EntryController", (WaitsWithoutSlot, theirs), {}), main, slot, log)


def record(problem: BaseException, args: list[str]) -> None:
    """Write the error file for what the entry point raised without recording it."""
    with suppress(Exception):
        error = seam.find(ERROR)(problem)
        uri = args[args.index("--outputs-path") + 1]
        asyncio.run(seam.find(UPLOAD_ERROR)(error.err, uri, recoverable=error.recoverable))
