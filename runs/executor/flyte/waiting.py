"""What is changed in the SDK's remote controller, of any version, in a process that runs one action.

It releases the process' slot while it waits; the error of an aborted child carries who, why and when; and what is cancelled and
what is left behind is treated as in a loop that actions share.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TextIO

from flyteidl2.common import phase_pb2

from runs.executor.flyte.aborted import ActionAbortedError
from runs.protocol.abort_texts import parse_abort_text

REQUEST_SECONDS = 10.0  # for the server to answer a request, when nobody waits for the answer
LOGGERS = ("flyte", "flyte.user")
# Records of the SDK's runtime that only repeat what an action's page shows: module and function that write them.
# A failed task's own record stays, because the traceback is nowhere else.
REPEATED = frozenset(
    {
        ("_controller", "handle_action_failure"),
        ("_controller", "_submit"),
        ("_controller", "get_action_outputs"),
    }
)
REPEATED_IN_A_CHILD = REPEATED | {("_informer", "observe_state"), ("runtime", "_run_action")}
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


class WaitsWithoutSlot:
    """Comes before the SDK's `RemoteController` in a controller of a process that runs one action.

    `client_coro` and the options are the SDK's own.
    """

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
        self._sdk.__init__(client_coro=client_coro, **options)

    @property
    def _sdk(self) -> Any:
        """This object as the SDK's own controller."""
        return super()

    async def submit_and_wait_for_action(self, action: Any) -> Any:
        if action.type == "trace":  # it is over already: it is recorded, not waited for
            return await self._sdk.submit_and_wait_for_action(action)
        async with self._slot.released():
            try:
                ended = await self._sdk.submit_and_wait_for_action(action)
            except asyncio.CancelledError:
                # Before the slot is waited for, as the SDK would: meanwhile this action may end.
                await self.cancel_action(action)
                raise
        raise_if_aborted(ended)
        return ended

    async def wait_for_action(self, action: Any) -> Any:
        async with self._slot.released():
            ended = await self._sdk.wait_for_action(action)
        raise_if_aborted(ended)
        return ended

    async def cancel_action(self, action: Any) -> None:
        """Abort a child whose awaiting task was cancelled, unless the action itself is to stop or has ended.

        Then the server has aborted its children already, or will, with the better cause; after a stop of the executor they
        live on, and their parent awaits them again.
        """
        if self._code.was_cancelled or self._has_ended or action.name in self._cancelled:
            return
        self._cancelled.add(action.name)
        request = asyncio.create_task(self._sdk.cancel_action(action))
        self._cancels.add(request)
        request.add_done_callback(self._cancels.discard)
        await asyncio.shield(request)

    async def stop(self) -> None:
        """The outputs are stored. What the code itself has cancelled just before is aborted by it, the rest by the server."""
        if self._cancels:
            await asyncio.wait(self._cancels, timeout=REQUEST_SECONDS)
        self._has_ended = True
        await self._code.end_left_behind()
        await self._sdk.stop()

    # On the controller's own thread.

    async def _bg_launch(self, action: Any) -> None:
        done = self._launches[action.name] = asyncio.Event()
        try:
            await self._sdk._bg_launch(action)
        finally:
            done.set()

    async def _bg_cancel_action(self, action: Any) -> None:
        """Abort a child that the server knows or may know. The SDK forgets one whose request is under way, and it would run."""
        if (launch := self._launches.get(action.name)) is not None:
            await launch.wait()
            action.started = True
        await self._sdk._bg_cancel_action(action)


def raise_if_aborted(ended: Any) -> None:
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
    return is_wanted or (record.module, record.funcName) not in REPEATED_IN_A_CHILD
