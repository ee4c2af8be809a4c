"""A wire between server and executors that a test may cut, stall or slow down."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

RESET = struct.pack("ii", 1, 0)  # SO_LINGER of 0 s: what is closed sends RST and not FIN
# What the first bytes of a connection say when it is an executor's link, or a child process' watch of its children.
TOUCHED = (b"/ws/executor/", b"/flyteidl2.actions.ActionsService/")


class Proxy:
    """Forwards TCP to a port of this machine, in a thread of its own.

    Faults touch only connections whose first bytes hold one of `touched`: those of executors and their children, for
    example, while their worker's link holds.
    """

    def __init__(self, target_port: int, touched: tuple[bytes, ...] = TOUCHED) -> None:
        self._target_port = target_port
        self._touched = touched
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._open = asyncio.Event()  # bytes flow
        self._open.set()
        self._refuses = False
        self._delay_seconds = 0.0
        self._faulty: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0  # of those that faults touch, ever made

    def start(self) -> int:
        """Listen; returns the port."""
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop
        )
        self._server = server.result(10)
        return int(self._server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        async def end() -> None:
            self._server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    # What a test does.

    def cut(self) -> None:
        """Reset what is connected, and whatever connects from now on."""
        self._call(self._cut)

    def stall(self) -> None:
        """Swallow everything: nobody hears anything, not even that the connection has closed."""
        self._call(self._open.clear)

    def delay(self, seconds: float) -> None:
        """Let each piece wait so long, in both directions."""
        self._call(lambda: setattr(self, "_delay_seconds", seconds))

    def heal(self) -> None:
        """Connections that were stalled are reset, as a middlebox that has forgotten them does; new ones work."""

        def mend() -> None:
            if not self._open.is_set():
                self._reset_all()
            self._open.set()
            self._refuses, self._delay_seconds = False, 0.0

        self._call(mend)

    # The proxy's thread.

    def _call(self, change: Callable[[], Any]) -> None:
        async def run() -> None:
            change()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(10)

    def _cut(self) -> None:
        self._refuses = True
        self._reset_all()

    def _reset_all(self) -> None:
        for writer in list(self._faulty):
            reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with suppress(OSError, asyncio.CancelledError):
            await self._forward(reader, writer)
        writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(65536)
        is_faulty = any(path in first for path in self._touched)
        if is_faulty and self._refuses:
            reset(writer)
            return
        there, onward = await asyncio.open_connection("127.0.0.1", self._target_port)
        if is_faulty:
            self.connections += 1
            self._faulty |= {writer, onward}
        try:
            pumps = [
                asyncio.ensure_future(self._pump(reader, onward, first, is_faulty=is_faulty)),
                asyncio.ensure_future(self._pump(there, writer, b"", is_faulty=is_faulty)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            self._faulty -= {writer, onward}
            onward.close()

    async def _lag(self) -> None:
        with suppress(TimeoutError):
            if self._delay_seconds:
                await asyncio.wait_for(asyncio.Event().wait(), self._delay_seconds)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, piece: bytes, *, is_faulty: bool
    ) -> None:
        with suppress(OSError):
            while True:
                if is_faulty:
                    # Also the end of the stream is swallowed: a link that stalls says nothing at all.
                    await self._open.wait()
                    await self._lag()
                if piece:
                    writer.write(piece)
                    await writer.drain()
                piece = await reader.read(65536)
                if not piece:
                    if is_faulty:
                        await self._open.wait()
                    return


def reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
