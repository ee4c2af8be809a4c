"""What the sockets of executors and workers share: frames, named tasks, and hints to wake-ups."""

from __future__ import annotations

import asyncio
import hmac
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from runs.access.bearers import read_bearer
from runs.domain.errors import ExecutorError, FlyteUIError, Invalid, LeaseLost, Unavailable
from runs.protocol import frames, worker_frames
from runs.protocol.constants import BAD_MESSAGE, FAILED, HELLO_SECONDS, NO_HELLO, SUPERSEDED, TRY_AGAIN

if TYPE_CHECKING:
    from asgiref.typing import WebSocketDisconnectEvent

POLL_SECONDS = 2.0  # behind every hint
MAX_ERROR = 300  # characters of an error, in the log: it may quote what the peer has sent

log = structlog.get_logger()


def is_worker_token(token: str) -> bool:
    return hmac.compare_digest(token.encode(), settings.EXECUTOR_TOKEN.encode())


def token_in(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The bearer token of a handshake, or ""."""
    return next(
        (read_bearer(value.decode("latin-1")) for name, value in headers if name == b"authorization"), ""
    )


class BadFrame(Exception):
    """What a peer has sent is no frame, not the one that comes next, or names no executor."""


async def close_without_hello(greeted: asyncio.Event, close: Callable[[int], Awaitable[None]]) -> None:
    """Close a socket, of any kind, whose peer says nothing: it holds a connection, and nobody can end its owner from a page."""
    try:
        async with asyncio.timeout(HELLO_SECONDS):
            await greeted.wait()
    except TimeoutError:
        await close(NO_HELLO)


def code_of(error: BaseException) -> int:
    """The close code that says why a task of a socket has failed: the peer is replaced, must wait, has erred, or we have."""
    match error:
        case LeaseLost():
            return SUPERSEDED
        case Unavailable():
            return TRY_AGAIN
        case BadFrame() | Invalid() | ExecutorError():
            return BAD_MESSAGE
    return FAILED


def read_executor_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadFrame(f"{text[:80]!r} is not the id of an executor") from error


class FrameConsumer(AsyncWebsocketConsumer, ABC):
    """A socket of msgpack frames. Named tasks do the work; when one fails the socket closes, and the peer comes again."""

    def __init__(self) -> None:
        super().__init__()
        self.tasks: list[asyncio.Task[None]] = []
        self.wake = asyncio.Event()
        self.groups_joined: set[str] = set()
        self.greeted = asyncio.Event()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """As Channels does, without its visit to another thread to close database connections: sockets have none."""
        try:
            await getattr(self, get_handler_name(message))(message)
        except (BadFrame, Invalid) as error:
            log.warning("bad frame", path=self.scope["path"], error=str(error)[:MAX_ERROR])
            await self._close_quietly(BAD_MESSAGE)
        except Unavailable as error:
            log.warning("socket given up", error=error.message)
            await self._close_quietly(TRY_AGAIN)

    async def connect(self) -> None:
        """Before the token is seen there is no socket, and so no frame."""
        if self.admits(token_in(self.scope["headers"])):
            await self.accept()
            self.start(close_without_hello(self.greeted, self._close_quietly), "await hello")
        else:
            log.warning("a socket was refused: its token is wrong", path=self.scope["path"])
            await self.close()  # HTTP 403

    @abstractmethod
    def admits(self, token: str) -> bool:
        """Whether this token opens this socket."""

    def start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._done)
        self.tasks.append(task)

    def _done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            code = code_of(error)
            is_ours = code == FAILED
            log.log(
                logging.ERROR if is_ours else logging.WARNING,
                "socket task failed", task=task.get_name(), exc_info=error if is_ours else None,
                error=str(error)[:MAX_ERROR],
            )  # fmt: skip
            self.tasks.append(asyncio.create_task(self._close_quietly(code)))

    async def _close_quietly(self, code: int) -> None:
        await self.close(code=code)

    async def join(self, group: str) -> None:
        if group not in self.groups_joined:
            self.groups_joined.add(group)
            await self.channel_layer.group_add(group, self.channel_name)

    async def hint(self, message: dict[str, Any]) -> None:
        """Wake the feed task, which reads what has changed."""
        del message
        self.wake.set()

    async def woken(self, wake: asyncio.Event | None = None) -> None:
        """Wait for a hint, or for the poll that stands behind it."""
        wake = wake or self.wake
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await wake.wait()
        except TimeoutError:
            pass
        wake.clear()

    async def write_frame(self, frame: frames.ToExecutor | worker_frames.ToWorker) -> None:
        await self.send(bytes_data=frames.encode(frame))

    async def websocket_disconnect(self, message: WebSocketDisconnectEvent) -> None:
        """The end, whatever of it cannot be written: housekeeping finds that out, because the heartbeats have ended."""
        try:
            await self.disconnect(message["code"])
        except FlyteUIError as error:
            log.warning(
                "cannot write that a peer has left", path=self.scope["path"], error=error.message[:MAX_ERROR]
            )
        raise StopConsumer

    async def disconnect(self, code: int) -> None:
        del code
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for group in self.groups_joined:
            await self.channel_layer.group_discard(group, self.channel_name)
