"""What connects the executor with one child process: its output, and its slot. On the link's loop."""

from __future__ import annotations

import asyncio
import codecs
import os
import socket
from collections.abc import Callable
from contextlib import suppress

CHUNK = 64 * 1024
STREAMS = ("out", "err", "log")
# What the child says of its slot, and the one answer to each ASK.
GIVE, ASK, GRANT = b"-", b"+", b"g"


class Pipes:
    """write(stream, text): what the process has written. said(byte): GIVE or ASK."""

    def __init__(self, write: Callable[[str, str], None], said: Callable[[bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._write = write
        self._said = said
        self._decoders: dict[int, tuple[str, codecs.IncrementalDecoder]] = {}
        self._slot: socket.socket | None = None

    def open(self) -> list[int]:
        """The process' ends, to be closed here when it has them."""
        theirs = []
        for stream in STREAMS:
            read, write = os.pipe()
            os.set_blocking(read, False)
            decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
            self._decoders[read] = stream, decoder
            self._loop.add_reader(read, self._read, read)
            theirs.append(write)
        self._slot, other = socket.socketpair()
        self._slot.setblocking(False)
        self._loop.add_reader(self._slot, self._hear)
        return [*theirs, other.detach()]

    def grant(self) -> None:
        """Answer a question for a slot."""
        if self._slot is not None:
            with suppress(OSError):
                self._slot.send(GRANT)

    def close(self) -> None:
        """The process has ended: take what is left in the pipes. Whoever still holds their other ends is not waited for."""
        for read in list(self._decoders):
            while self._read(read):
                pass
            self._end(read)
        if self._slot is not None:
            self._loop.remove_reader(self._slot)
            self._slot.close()
            self._slot = None

    def _read(self, read: int) -> bool:
        """Take a chunk; False when there is none now."""
        if read not in self._decoders:
            return False
        try:
            data = os.read(read, CHUNK)
        except BlockingIOError:
            return False
        stream, decoder = self._decoders[read]
        if data:
            self._write(stream, decoder.decode(data))
            return True
        self._end(read)
        return False

    def _end(self, read: int) -> None:
        if read not in self._decoders:
            return
        stream, decoder = self._decoders.pop(read)
        self._loop.remove_reader(read)
        os.close(read)
        if rest := decoder.decode(b"", final=True):
            self._write(stream, rest)

    def _hear(self) -> None:
        assert self._slot is not None
        try:
            data = self._slot.recv(64)
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._slot)
        for byte in data:
            self._said(bytes([byte]))
