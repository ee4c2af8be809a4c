"""Adapts the SDK to the child process of an isolated action.

The child runs the SDK's standard entry point with the SDK's remote controller, changed so that it releases the process' slot
while it waits, that the error of an aborted child carries who, why and when, and that what is cancelled and what is left behind
is treated as in a loop that actions share. User code runs in the main thread.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import threading
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import lru_cache, partial, wraps
from pathlib import Path
from typing import Any, Protocol, TextIO

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
from flyteidl2.common import phase_pb2

from runs.executor.attempt.working_folder import WorkingFolder
from runs.executor.flyte import credentials, handover, local_files, sdk, tasks
from runs.executor.flyte.controller import ActionAbortedError
from runs.executor.flyte.failures import error_of
from runs.executor.flyte.sdk import Action, RemoteController
from runs.protocol.abort_texts import parse_abort_text

# The SDK imports these when it starts an action; here it is done once, before the forks. It halves their start.
PRELOADED = (
    flyte.remote.Action, *sdk.IMPORTED_BY_AN_ACTION, *sdk.IMPORTED_BY_A_NESTED_RUN, anyio, certifi, flyte.git, httpcore,
    opentelemetry.metrics, opentelemetry.propagate, opentelemetry.trace, pyqwest._glue, rich.logging,
)  # fmt: skip
sdk.entry_points._installed_entry_points()
sdk.auth_session._supports_system_certs()
_VERIFY_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
REQUEST_SECONDS = 10.0  # for the server to answer a request, when nobody waits for the answer
LOGGERS = ("flyte", "flyte.user")
REPEATED = tasks.REPEATED | {("_informer", "observe_state"), ("runtime", "_run_action")}


AsyncFunction = Callable[..., Awaitable[Any]]


class CodeThread(Protocol):
    """The thread that runs the user's code; `load` and `run_…` wrap a function of the SDK so that its work is done there."""

    @property
    def was_cancelled(self) -> bool:
        """Whether the action is to stop."""

    def load(self, load: Callable[..., Any]) -> Callable[..., Any]: ...
    def run_function(self, elsewhere: AsyncFunction) -> AsyncFunction: ...
    def run_task(self, run: AsyncFunction) -> AsyncFunction: ...
    async def end_left_behind(self) -> None: ...


class Slot(Protocol):
    """The right to use a core, one of the process pool's slots."""

    def released(self) -> AbstractAsyncContextManager[None]:
        """Release the slot inside the block, and acquire one again at its end."""


class IsolatedController(RemoteController):
    """The SDK's controller of a process that runs one action."""

    def __init__(
        self, code: CodeThread, slot: Slot, log: TextIO, client_coro: Awaitable[Any], **options: Any
    ) -> None:
        redirect_logs(log)  # the SDK has made its handlers anew just before
        self._code = code
        self._slot = slot
        self._has_ended = False
        self._cancels: set[asyncio.Task[None]] = set()  # requests to abort a child that are under way
        self._cancelled: set[str] = set()  # children for which it was requested
        self._launches: dict[str, asyncio.Event] = {}  # by child: set when no request for it is under way
        super().__init__(client_coro=client_coro, **options)

    async def submit_and_wait_for_action(self, action: Action) -> Action:
        if action.type == "trace":  # it is over already: it is recorded, not waited for
            return await super().submit_and_wait_for_action(action)  # type: ignore[no-any-return]
        async with self._slot.released():
            try:
                ended: Action = await super().submit_and_wait_for_action(action)
            except asyncio.CancelledError:
                # Before the slot is waited for, as the SDK would: meanwhile this action may end.
                await self.cancel_action(action)
                raise
        raise_if_aborted(ended)
        return ended

    async def wait_for_action(self, action: Action) -> Action:
        async with self._slot.released():
            ended: Action = await super().wait_for_action(action)
        raise_if_aborted(ended)
        return ended

    async def cancel_action(self, action: Action) -> None:
        """Abort a child whose awaiting task was cancelled, unless the action itself is to stop or has ended.

        Then the server has aborted its children already, or will, with the better cause; after a stop of the executor they
        live on, and their parent awaits them again.
        """
        if self._code.was_cancelled or self._has_ended or action.name in self._cancelled:
            return
        self._cancelled.add(action.name)
        request = asyncio.create_task(super().cancel_action(action))
        self._cancels.add(request)
        request.add_done_callback(self._cancels.discard)
        await asyncio.shield(request)

    async def stop(self) -> None:
        """The outputs are stored. What the code itself has cancelled just before is aborted by it, the rest by the server."""
        if self._cancels:
            await asyncio.wait(self._cancels, timeout=REQUEST_SECONDS)
        self._has_ended = True
        await self._code.end_left_behind()
        await super().stop()

    # On the controller's own thread.

    async def _bg_launch(self, action: Action) -> None:
        done = self._launches[action.name] = asyncio.Event()
        try:
            await super()._bg_launch(action)
        finally:
            done.set()

    async def _bg_cancel_action(self, action: Action) -> None:
        """Abort a child that the server knows or may know. The SDK forgets one whose request is under way, and it would run."""
        if (launch := self._launches.get(action.name)) is not None:
            await launch.wait()
            action.started = True
        await super()._bg_cancel_action(action)


def raise_if_aborted(ended: Action) -> None:
    """Raise an error that says who aborted the child and why, where the SDK's own would not."""
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
                handler.addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a record says more than the action's page shows, or the user wants the SDK's log."""
    is_wanted = logging.getLogger("flyte").getEffectiveLevel() < logging.WARNING
    return is_wanted or (record.module, record.funcName) not in REPEATED


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


def run_entry_point(args: list[str], code: CodeThread, slot: Slot, log: TextIO) -> None:
    """Run the SDK's `a0`. What it raises comes out, SystemExit too."""
    begin_background_loop()
    redirect_logs(log)
    local_files.install()
    handover.install()
    credentials.install(os.environ["_U_EP_OVERRIDE"])
    release_while_waiting_for_runs(slot)
    vars(sdk.taskrunner)["convert_from_native_to_error"] = error_of
    sdk.controller_module.RemoteController = partial(IsolatedController, code, slot, log)  # type: ignore[assignment,misc]
    sdk.entry_point.main(args=args, prog_name="a0", standalone_mode=False)
