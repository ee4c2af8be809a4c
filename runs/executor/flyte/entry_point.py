"""Runs one action by the SDK's own entry point `a0`, of a version that our executor does not fit.

What it changes there it looks up by name, and where a version has no such name it goes without. So an action runs with any flyte
that speaks the server's protocol, and is aborted by the same laws with those that have all of these names (2.4 and later).
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, TextIO

from runs.executor.attempt.working_folder import WorkingFolder
from runs.executor.flyte import credentials, seam
from runs.executor.flyte.waiting import AsyncFunction, CodeThread, Slot, WaitsWithoutSlot, redirect_logs

try:
    from runs.executor.flyte import handover
except Exception:  # File and Dir are made otherwise there
    handover = None  # type: ignore[assignment]

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


def run(args: list[str], main: MainThread, slot: Slot, log: TextIO, folder: WorkingFolder) -> None:
    """Run it; `folder` becomes the current one when its code is next. What the entry point raises comes out, SystemExit too."""
    redirect_logs(log)
    for name in LOAD_TASK:
        _wrap(name, main.load)
    for name in RUN_FUNCTION:
        _wrap(name, main.run_function)
    _wrap(RUN_TASK, partial(_in_main_thread, main, folder))
    _wrap((CONTROLLERS, "RemoteController"), partial(_controller, main, slot, log))
    if handover is not None:
        handover.install()
    credentials.install(os.environ["_U_EP_OVERRIDE"])
    seam.find(MAIN).main(args=args, prog_name="a0", standalone_mode=False)


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
