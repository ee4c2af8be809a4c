"""What connects the executor with one child process: its output, its stack, and a wire for the rest. On the link's loop."""

from __future__ import annotations

import asyncio
import codecs
import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress

CHUNK = 64 * 1024
STREAMS = ("out", "err", "log")
# What the child says: of its slot, and that its code has been told of the abort.
GIVE, ASK, TOLD = b"-", b"+", b"t"
# What it is told, a line each: the one answer to each ASK; and the reason of an abort, as a JSON text.
GRANT = b"g\n"


class Pipes:
    """write(stream, text): what the process has written. said(byte): GIVE, ASK or TOLD."""

    def __init__(self, write: Callable[[str, str], None], said: Callable[[bytes], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._write = write
        self._said = said
        self._decoders: dict[int, tuple[str, codecs.IncrementalDecoder]] = {}
        self._wire: socket.socket | None = None
        self._stack = -1

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
        self._wire, other = socket.socketpair()
        self._wire.setblocking(False)
        self._loop.add_reader(self._wire, self._hear)
        self._stack, stack = os.pipe()
        os.set_blocking(self._stack, False)
        return [*theirs, other.detach(), stack]

    def grant(self) -> None:
        """Answer a question for a slot."""
        self._tell(GRANT)

    def cancel(self, reason: str) -> None:
        """Ask for a CancelledError in its code. The answer is TOLD, if the code is running."""
        self._tell(json.dumps(reason).encode() + b"\n")

    def _tell(self, line: bytes) -> None:
        if self._wire is not None:
            with suppress(OSError):  # it has ended, or hears nothing any more
                self._wire.send(line)

    def stack(self) -> str:
        """What the process has written of its stack: the innermost frame last, as Python shows them."""
        try:
            lines = os.read(self._stack, CHUNK).decode("utf-8", "backslashreplace").splitlines()
        except BlockingIOError:
            return ""
        return "\n".join(reversed([line for line in lines if line.startswith("  ")]))

    def close(self) -> None:
        """The process has ended: take what is left in the pipes. Whoever still holds their other ends is not waited for."""
        for read in list(self._decoders):
            while self._read(read):
                pass
            self._end(read)
        if self._wire is not None:
            self._hear()
            self._loop.remove_reader(self._wire)
            self._wire.close()
            self._wire = None
            os.close(self._stack)

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
        assert self._wire is not None
        try:
            data = self._wire.recv(CHUNK)
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._wire)
        for byte in data:
            self._said(bytes([byte]))
