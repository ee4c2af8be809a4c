"""Adapts the SDK to the child process of an isolated action.

The child runs the SDK's standard entry point with the SDK's remote controller, changed as `waiting.py` says. User code runs in the
main thread.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from functools import lru_cache, partial, wraps
from pathlib import Path
from typing import Any, TextIO

import anyio
import certifi
import flyte.git
import flyte.remote
import flyte.syncify
import httpcore
import httpx
import opentelemetry.metrics
import opentelemetry.propagate
import opentelemetry.trace
import pyqwest._glue
import rich.logging

from runs.executor.attempt.working_folder import WorkingFolder
from runs.executor.flyte import credentials, digests, handover, local_files, masked, sdk
from runs.executor.flyte.failures import error_of
from runs.executor.flyte.sdk import RemoteController
from runs.executor.flyte.waiting import CodeThread, Slot, WaitsWithoutSlot, redirect_logs

# The SDK imports these when it starts an action; here it is done once, before the forks. It halves their start.
PRELOADED = (
    flyte.remote.Action, *sdk.IMPORTED_BY_AN_ACTION, *sdk.IMPORTED_BY_A_NESTED_RUN, anyio, certifi, flyte.git, httpcore,
    opentelemetry.metrics, opentelemetry.propagate, opentelemetry.trace, pyqwest._glue, rich.logging,
)  # fmt: skip
sdk.entry_points._installed_entry_points()
sdk.auth_session._supports_system_certs()
_VERIFY_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


class IsolatedController(WaitsWithoutSlot, RemoteController):
    """The SDK's controller of a process that runs one action."""


def share_trust() -> None:
    """Have the SDK's clients share what certificates they trust: reading them takes 30 ms, and here it is done before the forks."""
    make_session = vars(sdk.auth_session)["get_async_session"]

    @wraps(make_session)
    def make_trusting_session(*args: Any, **options: Any) -> httpx.AsyncClient:
        if options.get("verify") is None and options.get("ca_cert_file_path") is None:
            options["verify"] = _trust(*map(os.environ.get, _VERIFY_VARIABLES))
        session: httpx.AsyncClient = make_session(*args, **options)
        return session

    vars(sdk.auth_session)["get_async_session"] = make_trusting_session
    _trust(*map(os.environ.get, _VERIFY_VARIABLES))


@lru_cache(maxsize=8)
def _trust(*variables: str | None) -> ssl.SSLContext:
    """variables: those that httpx reads, with their values now."""
    del variables
    return httpx.create_ssl_context()


share_trust()


def end_background_loop() -> None:
    """End the SDK's thread for synchronous calls, and its event loop: what forks holds neither. Nothing happens if it has ended."""
    background = flyte.syncify.syncify._bg_loop
    if background.thread.is_alive():
        background.loop.call_soon_threadsafe(background.loop.stop)
        background.thread.join()
        background.loop.close()
        while Path(f"/proc/self/task/{background.thread.native_id}").exists():
            os.sched_yield()  # Python has ended it, and the kernel has not yet


def begin_background_loop() -> None:
    """Begin it again, after a fork."""
    background = flyte.syncify.syncify._bg_loop
    background.loop = asyncio.new_event_loop()
    background.thread = threading.Thread(name=background.thread.name, target=background._run, daemon=True)
    background.thread.start()


def put_in_main_thread(main: CodeThread, *, is_function: bool) -> None:
    """Let the SDK run the user's code there, be it a function or a task that brings an `execute` of its own."""
    if is_function:
        vars(sdk.asyncify)["run_sync_in_thread"] = main.run_function(sdk.asyncify.run_sync_in_thread)
        for name in ("load_task", "load_pkl_task"):
            vars(sdk.entrypoints)[name] = main.load(vars(sdk.entrypoints)[name])
    else:
        vars(sdk.taskrunner)["run_task"] = main.run_task(sdk.taskrunner.run_task)


def put_in_folder(folder: WorkingFolder) -> None:
    """Let the SDK run the user's code in this folder, once it has loaded it from its bundle."""
    run = sdk.taskrunner.run_task

    async def run_there(*args: Any, **options: Any) -> Any:
        vars(sdk.taskrunner)["run_task"] = run
        folder.enter(sdk.ASKING_FOR_BUNDLE)
        return await run(*args, **options)

    vars(sdk.taskrunner)["run_task"] = run_there


def release_while_waiting_for_runs(slot: Slot) -> None:
    """`Run.wait` of another run waits too: its actions may need this slot."""
    wait = flyte.remote.Action.wait

    async def wait_without_slot(*args: Any, **options: Any) -> None:
        async with slot.released():
            await wait(*args, **options)

    vars(flyte.remote)["Action"].wait = wait_without_slot


def run_entry_point(
    args: list[str], code: CodeThread, slot: Slot, log: TextIO, secrets: list[bytes] | None = None
) -> None:
    """Run the SDK's `a0`. What it raises comes out, SystemExit too. secrets: their values."""
    begin_background_loop()
    redirect_logs(log)
    local_files.install()
    handover.install()
    masked.install(secrets)
    digests.install()
    credentials.install(os.environ["_U_EP_OVERRIDE"])
    release_while_waiting_for_runs(slot)
    vars(sdk.taskrunner)["convert_from_native_to_error"] = error_of
    sdk.controller_module.RemoteController = partial(IsolatedController, code, slot, log)  # type: ignore[assignment,misc]
    sdk.entry_point.main(args=args, prog_name="a0", standalone_mode=False)
