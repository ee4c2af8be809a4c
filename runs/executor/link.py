"""The WebSocket to the server: a thread and an event loop of its own, so that user code cannot silence it.

One batch of events is in flight; what gathers meanwhile is the next. A batch is kept until it is acknowledged and sent
again, with its number, after a reconnect; the server applies a number once, and answers it as often as it is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

from runs.executor import frames
from runs.executor.outbox import Entry, Outbox

FIRST_BACKOFF_SECONDS = 0.1
LAST_BACKOFF_SECONDS = 2.0
HELLO_SECONDS = 10.0
# A link that is cut says so. One that swallows everything is noticed after PING + PONG seconds.
PING_SECONDS = 2.0
PONG_SECONDS = 10.0
CLOSE_SECONDS = 1.0
MANY_EVENTS = 16
GATHER_SECONDS = 0.02
SOON_SECONDS = 0.005
BAD_TOKEN = 4401
SUPERSEDED = 4410


class Receiver(Protocol):
    """Who acts on frames. Every method is called on the link's thread and returns at once."""

    def hello(self, epoch: int) -> frames.Hello: ...
    def welcomed(self, welcome: frames.Welcome) -> None: ...
    def received(self, message: frames.ToExecutor) -> None: ...
    def committed(self) -> None:
        """All answers of one acknowledged batch have been given out."""

    def refused(self, code: int, reason: str) -> None:
        """The server wants nothing more to do with this process."""


class Link:
    """The connection. `outbox` may be filled before it is there and while it is lost."""

    def __init__(self, url: str, receiver: Receiver) -> None:
        self._url = url
        self._receiver = receiver
        self.outbox = Outbox(self._wake)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, name="flyteui-link", daemon=True)
        self._socket: ClientConnection | None = None
        self._in_flight: list[Entry] | None = None
        self._frame = b""
        self._seq = 0
        self._epoch = 0
        self._gathers = False  # waits a moment before the next batch
        self._pumps_soon = False
        self._idle = asyncio.Event()  # nothing in flight and nothing to send
        self._heard_at = time.monotonic()

    def start(self) -> None:
        self._thread.start()

    @property
    def silent_seconds(self) -> float:
        """For how long the server may not have heard of this process."""
        return time.monotonic() - self._heard_at

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def call_soon(self, function: Callable[..., object], *args: Any) -> None:
        """Run a function on the link's thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending
            self._loop.call_soon_threadsafe(function, *args)

    def call_later(self, seconds: float, function: Callable[[], object]) -> None:
        """Run a function later; call this on the link's thread only."""
        self._loop.call_later(seconds, function)

    def put_soon(self, event: frames.Event) -> None:
        """Put an event that may wait a moment for the one that follows it: together they cost one transaction."""
        self.outbox.put(event, wakes=False)
        if not self._pumps_soon:
            self._pumps_soon = True
            self.call_soon(self._loop.call_later, SOON_SECONDS, self._pump_soon)

    def _pump_soon(self) -> None:
        self._pumps_soon = False
        self._pump()

    async def flushed(self, timeout: float) -> bool:
        """Wait until the server has acknowledged everything; False when it did not in time."""
        self._pump()  # what was put a moment ago has only asked for it yet
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
            self._loop.run_until_complete(self._connect_again_and_again())
        except BaseException:
            # Without the link this process is deaf: end it, loudly, and the server gives its work to another.
            traceback.print_exc(file=sys.__stderr__)
            os._exit(70)

    async def _connect_again_and_again(self) -> None:
        backoff = FIRST_BACKOFF_SECONDS
        while True:
            try:
                async with connect(
                    self._url, max_size=None, compression=None, proxy=None, open_timeout=HELLO_SECONDS,
                    close_timeout=CLOSE_SECONDS, ping_interval=None,
                ) as socket:  # fmt: skip
                    await self._converse(socket)
                    backoff = FIRST_BACKOFF_SECONDS
            except ConnectionClosed as closed:
                backoff = FIRST_BACKOFF_SECONDS if self._socket else backoff
                if closed.rcvd is not None and closed.rcvd.code in {BAD_TOKEN, SUPERSEDED}:
                    self._receiver.refused(closed.rcvd.code, closed.rcvd.reason)
            except (OSError, TimeoutError, InvalidHandshake, InvalidMessage):
                pass
            finally:
                self._socket = None
            await asyncio.sleep(backoff * random.uniform(0.5, 1.0))  # noqa: S311 -- spreads reconnects, keeps no secret
            backoff = min(backoff * 2, LAST_BACKOFF_SECONDS)

    async def _converse(self, socket: ClientConnection) -> None:
        asked = time.monotonic()
        await socket.send(frames.encode(self._receiver.hello(self._epoch)))
        async with asyncio.timeout(HELLO_SECONDS):
            welcome = frames.decode_to_executor(await socket.recv(decode=False))
        if not isinstance(welcome, frames.Welcome):
            raise InvalidMessage(f"the server began with {type(welcome).__name__}, not with Welcome")
        self._epoch, self._heard_at = welcome.epoch, asked
        self._receiver.welcomed(welcome)
        self._socket = socket
        if self._in_flight is not None:
            # Sent again even if the server has applied it: the answers to its Enqueues may be what was lost.
            await socket.send(self._frame)
        self._pump()
        listening = self._loop.create_task(self._listen(socket), name="link-listen")
        try:
            while True:
                self._read(frames.decode_to_executor(await socket.recv(decode=False)))
        finally:
            listening.cancel()

    async def _listen(self, socket: ClientConnection) -> None:
        """Ask again and again whether the server is there, and drop the connection when it does not answer."""
        try:
            while True:
                asked = time.monotonic()
                async with asyncio.timeout(PONG_SECONDS):
                    await (await socket.ping())
                self._heard_at = asked
                await asyncio.sleep(PING_SECONDS)
        except TimeoutError:
            socket.transport.abort()
        except ConnectionClosed:
            pass

    def _read(self, message: frames.ToExecutor) -> None:
        if not isinstance(message, frames.Ack):
            self._receiver.received(message)
        elif self._in_flight is not None and message.seq == self._seq:
            entries, self._in_flight = self._in_flight, None
            results = {result.index: result for result in message.results}
            for index, entry in enumerate(entries):
                if entry.committed is not None:
                    entry.committed(results.get(index))
            self._receiver.committed()
            self._gather(len(entries))

    def _gather(self, size: int) -> None:
        """After a batch of many, let the next one fill: its cost is a transaction. After a small one, go on at once."""
        if size < MANY_EVENTS:
            self._pump()
        elif not self._gathers:
            self._gathers = True
            self._loop.call_later(GATHER_SECONDS, self._gathered)

    def _gathered(self) -> None:
        self._gathers = False
        self._pump()

    def _wake(self) -> None:
        self.call_soon(self._pump)

    def _pump(self) -> None:
        """Send the next batch, if there is something to say and nothing in flight."""
        if self._in_flight is None and not self._gathers and (entries := self.outbox.take()):
            self._seq += 1
            self._in_flight = entries
            self._frame = frames.encode(
                frames.Batch(seq=self._seq, events=[entry.event for entry in entries])
            )
            if self._socket is not None:
                self._sending = self._loop.create_task(
                    self._send(self._socket, self._frame), name="link-send"
                )
        if self._in_flight is None and self.outbox.is_empty:
            self._idle.set()
        else:
            self._idle.clear()

    @staticmethod
    async def _send(socket: ClientConnection, frame: bytes) -> None:
        with contextlib.suppress(ConnectionClosed):  # it is sent again after the reconnect
            await socket.send(frame)
