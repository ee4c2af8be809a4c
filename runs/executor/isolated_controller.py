"""What the child process of an isolated action needs of the SDK.

The child runs the SDK's standard entry point with the SDK's own remote controller. Ours differs from it in two things:
it gives back the slot while it waits, and an abort of a child is told with its facts. The user's code runs in the main
thread.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from typing import Any, Protocol, TextIO

import anyio
import certifi
import flyte.git
import flyte.remote
import flyte.syncify
import httpcore
import opentelemetry.metrics
import opentelemetry.propagate
import opentelemetry.trace
from flyteidl2.common import phase_pb2

from runs.executor import local_files, sdk
from runs.executor.controller import ActionAbortedError
from runs.executor.frames import parse_abort_text
from runs.executor.mainthread import MainThread
from runs.executor.sdk import Action, RemoteController

# The SDK imports these when it starts an action; here it is done once, before the forks. It halves their start.
PRELOADED = (
    flyte.remote.Action, *sdk.IMPORTED_BY_AN_ACTION, anyio, certifi, flyte.git, httpcore,
    opentelemetry.metrics, opentelemetry.propagate, opentelemetry.trace,
)  # fmt: skip
sdk.entry_points._installed_entry_points()
sdk.auth_session._supports_system_certs()
LOGGERS = ("flyte", "flyte.user")


class Slot(Protocol):
    """The right to use a core."""

    def given_back(self) -> AbstractAsyncContextManager[None]:
        """Let another process have it inside the block."""


class IsolatedController(RemoteController):
    """The SDK's controller of a process that runs one action."""

    def __init__(self, slot: Slot, log: TextIO, client_coro: Awaitable[Any], **options: Any) -> None:
        redirect_logs(log)  # the SDK has made its handlers anew just before
        self._slot = slot
        super().__init__(client_coro=client_coro, **options)

    async def submit_and_wait_for_action(self, action: Action) -> Action:
        # A trace is over already: it is recorded, not waited for.
        async with nullcontext() if action.type == "trace" else self._slot.given_back():
            ended: Action = await super().submit_and_wait_for_action(action)
        raise_if_aborted(ended)
        return ended

    async def wait_for_action(self, action: Action) -> Action:
        async with self._slot.given_back():
            ended: Action = await super().wait_for_action(action)
        raise_if_aborted(ended)
        return ended


def raise_if_aborted(ended: Action) -> None:
    """Tell of an abort with its facts, where the SDK would tell of it without them."""
    if ended.phase == phase_pb2.ACTION_PHASE_ABORTED and ended.err is not None:
        at = ended.err.timestamp.ToMicroseconds()
        note = parse_abort_text(ended.name, ended.err.message, requested_at=at)
        if note is not None:
            raise ActionAbortedError(ended.name, note)


def redirect_logs(log: TextIO) -> None:
    for name in LOGGERS:
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.setStream(log)


def revive_background_loop() -> None:
    """Start the SDK's thread for synchronous calls again: a fork has the calling thread only.

    The old loop is kept and not closed. Its epoll is shared with the executor, whose own loop would go deaf.
    """
    background = flyte.syncify.syncify._bg_loop
    _kept.append(background.loop)
    background.loop = asyncio.new_event_loop()
    background.thread = threading.Thread(name=background.thread.name, target=background._run, daemon=True)
    background.thread.start()


_kept: list[asyncio.AbstractEventLoop] = []


def put_in_main_thread(main: MainThread, *, is_function: bool) -> None:
    """Let the SDK run the user's code there, be it a function or a task that brings an `execute` of its own."""
    if is_function:
        vars(sdk.asyncify)["run_sync_in_thread"] = main.run_function(sdk.asyncify.run_sync_in_thread)
        for name in ("load_task", "load_pkl_task"):
            vars(sdk.entrypoints)[name] = main.load(vars(sdk.entrypoints)[name])
    else:
        vars(sdk.taskrunner)["run_task"] = main.run_task(sdk.taskrunner.run_task)


def give_back_while_waiting_for_runs(slot: Slot) -> None:
    """`Run.wait` of another run waits too: its actions may need this slot."""
    wait = flyte.remote.Action.wait

    async def wait_without_slot(*args: Any, **options: Any) -> None:
        async with slot.given_back():
            await wait(*args, **options)

    vars(flyte.remote)["Action"].wait = wait_without_slot


def run_entry_point(args: list[str], slot: Slot, log: TextIO) -> None:
    """Run the SDK's `a0`. What it raises comes out, SystemExit too."""
    revive_background_loop()
    redirect_logs(log)
    local_files.install()
    give_back_while_waiting_for_runs(slot)
    sdk.controller_module.RemoteController = partial(IsolatedController, slot, log)  # type: ignore[assignment,misc]
    sdk.entry_point.main(args=args, prog_name="a0", standalone_mode=False)
