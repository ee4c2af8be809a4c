"""The WebSocket to the server, on a thread and an event loop of its own, so that user code cannot block it.

One batch of events is in flight, and events that come meanwhile form the next. A batch is kept until it is acknowledged,
and sent again with its number after a reconnect: the server applies each number once and acknowledges it every time. An
empty one is a heartbeat: what proves that this process gets through is a batch that is acknowledged, not a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import os
import random
import sys
import threading
import time
import traceback
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.frames import Close, CloseCode

from runs.executor.link.batch import Entry, entry_of
from runs.executor.link.config import authorization
from runs.executor.link.outbox import Outbox
from runs.protocol import frames
from runs.protocol.bounds import FRAME_OVERHEAD, MAX_FRAME_BYTES, refusal_of, too_large
from runs.protocol.constants import EXECUTOR_HEARTBEAT_SECONDS, SUPERSEDED
from runs.protocol.pinning import socket_options

FIRST_BACKOFF_SECONDS = 0.1
LAST_BACKOFF_SECONDS = 2.0
HELLO_SECONDS = 10.0
# A closed connection is noticed at once; one that loses everything after PING + PONG seconds.
PING_SECONDS = 2.0
PONG_SECONDS = 10.0
MIN_FRAME_BYTES = 4096  # a way that takes less is none
CLOSE_SECONDS = 1.0
WRONG_TOKEN = 77  # an exit code: EX_NOPERM of sysexits.h
MANY_EVENTS = 16
GATHER_SECONDS = 0.02
SOON_SECONDS = 0.005
# What this thread does belongs to no action, whoever asked for it; nor is it for the logs of user code, which may set any level.
_OWN_CONTEXT = contextvars.Context()
_OWN_LOGGER = logging.Logger("flyteui-link", level=logging.CRITICAL)  # noqa: LOG001 -- below no other logger


class Receiver(Protocol):
    """Handles frames. Every method is called on the link's thread and must not block."""

    def hello(self, epoch: int) -> frames.Hello: ...
    def welcomed(self, welcome: frames.Welcome) -> None: ...
    def received(self, message: frames.ToExecutor) -> None: ...
    def committed(self) -> None:
        """All callbacks of an acknowledged batch have been called."""

    def refused(self, reason: str, exit_code: int) -> None:
        """The server rejects this process for good."""


class Link:
    """The connection. Events may be put into `outbox` before it is made and while it is lost."""

    def __init__(self, url: str, token: str, receiver: Receiver, *, tls_cert: str = "") -> None:
        """tls_cert: as in ExecutorConfig."""
        self._url = url
        self._token = token
        self._tls_cert = tls_cert
        self._receiver = receiver
        self.outbox = Outbox(self._wake)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, name="flyteui-link", daemon=True)
        self._socket: ClientConnection | None = None
        self.descriptor = -1  # of the socket
        self._in_flight: list[Entry] | None = None
        self._frame = b""
        self._max_frame_bytes = MAX_FRAME_BYTES
        self._seq = 0
        self._epoch = 0
        self._is_gathering = False  # lets the next batch fill before it is sent
        self._is_pump_scheduled = False
        self._idle = asyncio.Event()  # nothing in flight and nothing to send
        self._last_contact_at = self._sent_at = time.monotonic()

    def start(self) -> None:
        self._thread.start()

    @property
    def silent_seconds(self) -> float:
        """The time since the last batch was sent that the server has acknowledged."""
        return time.monotonic() - self._last_contact_at

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        """Run a function on the link's thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending
            self._loop.call_soon_threadsafe(function, *args, context=_OWN_CONTEXT)

    def call_later(self, seconds: float, function: Callable[[], object]) -> None:
        """Run a function later; call this on the link's thread only."""
        self._loop.call_later(seconds, function)

    def schedule(self, seconds: float, function: Callable[[], object]) -> None:
        """Run a function on the link's thread later; call this on any thread."""
        self.call_soon(self.call_later, seconds, function)

    def put_soon(self, event: frames.Event) -> None:
        """Put an event that waits a moment for the next one, because both together cost one transaction."""
        self.outbox.put(event, wakes=False)
        if not self._is_pump_scheduled:
            self._is_pump_scheduled = True
            self.call_soon(self._loop.call_later, SOON_SECONDS, self._pump_soon)

    def _pump_soon(self) -> None:
        self._is_pump_scheduled = False
        self._pump()

    async def flushed(self, timeout: float) -> bool:
        """Wait until the server has acknowledged everything; False when it did not in time."""
        self._pump()  # what was just put has only scheduled it
        try:
            async with asyncio.timeout(timeout):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._keep_connected())
        except BaseException:
            # Without the link no abort arrives: end the process with a traceback, and the server gives its work to another.
            traceback.print_exc(file=sys.__stderr__)
            os._exit(70)

    async def _keep_connected(self) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            try:
                async with connect(
                    self._url, additional_headers=authorization(self._token), logger=_OWN_LOGGER, max_size=None,
                    compression=None, proxy=None, open_timeout=HELLO_SECONDS, close_timeout=CLOSE_SECONDS, ping_interval=None,
                    **socket_options(self._tls_cert),
                ) as socket:  # fmt: skip
                    self.descriptor = socket.transport.get_extra_info("socket").fileno()
                    await self._serve(socket)
                    backoff = FIRST_BACKOFF_SECONDS
            except ConnectionClosed as closed:
                backoff = FIRST_BACKOFF_SECONDS if self._socket else backoff
                if closed.rcvd is not None:
                    self._refused(closed.rcvd)
            except InvalidStatus as refusal:
                if refusal.response.status_code == HTTPStatus.FORBIDDEN:
                    self._receiver.refused("its token is wrong", WRONG_TOKEN)
            except (OSError, TimeoutError, InvalidHandshake, InvalidMessage):
                pass
            finally:
                self._socket, self.descriptor = None, -1
            await asyncio.sleep(backoff * random.uniform(0.5, 1.0))  # noqa: S311 -- spreads reconnects, keeps no secret
            backoff = min(backoff * 2, LAST_BACKOFF_SECONDS)

    async def _serve(self, socket: ClientConnection) -> None:
        await socket.send(frames.encode(self._receiver.hello(self._epoch)))
        async with asyncio.timeout(HELLO_SECONDS):
            welcome = frames.decode_to_executor(await socket.recv(decode=False))
        if not isinstance(welcome, frames.Welcome):
            raise InvalidMessage(f"the server began with {type(welcome).__name__}, not with Welcome")
        self._epoch = welcome.epoch
        self._max_frame_bytes = min(self._max_frame_bytes, welcome.max_frame_bytes)
        self._receiver.welcomed(welcome)
        self._socket = socket
        if self._in_flight is not None:
            # Sent again even if the server has applied it: the results of its Enqueues may have been lost.
            await self._send(socket)
        self._pump()
        if self._in_flight is None:
            self._send_batch([])  # what proves that it gets through
        heartbeat = self._loop.create_task(self._heartbeat(socket), name="link-heartbeat")
        try:
            while True:
                self._receive(frames.decode_to_executor(await socket.recv(decode=False)))
        finally:
            heartbeat.cancel()

    async def _heartbeat(self, socket: ClientConnection) -> None:
        """Send a batch periodically, an empty one if there are no events. Abort a connection that does not answer pings."""
        try:
            while True:
                if (
                    self._in_flight is None
                    and self.silent_seconds >= EXECUTOR_HEARTBEAT_SECONDS - PING_SECONDS / 2
                ):
                    self._send_batch([])
                async with asyncio.timeout(PONG_SECONDS):
                    await (await socket.ping())
                await asyncio.sleep(PING_SECONDS)
        except TimeoutError:
            socket.transport.abort()
        except ConnectionClosed:
            pass

    def _receive(self, message: frames.ToExecutor) -> None:
        if not isinstance(message, frames.Ack):
            self._receiver.received(message)
        elif self._in_flight is not None and message.seq == self._seq:
            entries, self._in_flight = self._in_flight, None
            self._last_contact_at = self._sent_at
            results = {result.index: result for result in message.results}
            for index, entry in enumerate(entries):
                if entry.committed is not None:
                    entry.committed(results.get(index))
            self._receiver.committed()
            self._gather(len(entries))

    def _gather(self, size: int) -> None:
        """After a large batch, let the next one fill, because each costs a transaction. After a small one, send at once."""
        if size < MANY_EVENTS:
            self._pump()
        elif not self._is_gathering:
            self._is_gathering = True
            self._loop.call_later(GATHER_SECONDS, self._send_gathered)

    def _send_gathered(self) -> None:
        self._is_gathering = False
        self._pump()

    def _wake(self) -> None:
        self.call_soon(self._pump)

    def _pump(self) -> None:
        """Send the next batch, if there are events and none is in flight."""
        if self._in_flight is None and not self._is_gathering and (entries := self._take()):
            self._send_batch(entries)
        if self._in_flight is None and self.outbox.is_empty:
            self._idle.set()
        else:
            self._idle.clear()

    def _send_batch(self, entries: list[Entry]) -> None:
        self._seq += 1
        self._put_in_flight(entries)
        if self._socket is not None:
            self._sending = self._loop.create_task(self._send(self._socket), name="link-send")

    def _put_in_flight(self, entries: list[Entry]) -> None:
        self._in_flight = entries
        self._frame = frames.encode_batch(self._seq, [entry.data for entry in entries])

    async def _send(self, socket: ClientConnection) -> None:
        self._sent_at = time.monotonic()
        with contextlib.suppress(ConnectionClosed):  # it is sent again after the reconnect
            await socket.send(self._frame)

    # What the server refuses.

    def _refused(self, close: Close) -> None:
        if close.code == SUPERSEDED:
            self._receiver.refused("it was given up, or has a newer connection", frames.LEFT)
        elif close.code == CloseCode.MESSAGE_TOO_BIG and self._in_flight:
            self._halve(self._in_flight)

    def _halve(self, entries: list[Entry]) -> None:
        """The way to the server takes no frame of this size, so that it has not seen the batch: send less under its number."""
        self._max_frame_bytes = max(MIN_FRAME_BYTES, len(self._frame) // 2)
        self.outbox.put_back(entries)
        self._put_in_flight(self._take())

    def _take(self) -> list[Entry]:
        """The next batch. An event that is too large for the way to the server even alone is replaced by a word about it."""
        limit = self._max_frame_bytes - FRAME_OVERHEAD
        entries = self.outbox.take(limit)
        if len(entries) == 1 and len(entries[0].data) > limit:
            return self._replace(entries[0], limit)
        return entries

    def _replace(self, entry: Entry, limit: int) -> list[Entry]:
        if said := too_large(entry.event, len(entry.data), limit):
            return [entry_of(said, entry.committed)]
        if entry.committed is not None:
            entry.committed(refusal_of(len(entry.data), limit))
        self._wake()  # for what comes after it
        return []
