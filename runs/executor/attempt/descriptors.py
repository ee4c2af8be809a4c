"""Descriptors 1 and 2 of an executor: what is written there and Python's streams do not see, such as C's `printf`.

They are files, not pipes: a writer that holds Python's lock would wait for ever for a reader that needs it. A zygote shares
the place up to which they are read, so that it can pass on the rest when the executor has died.
"""

from __future__ import annotations

import codecs
import ctypes
import io
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

CHUNK = 64 * 1024
FREED_BYTES = 2**20  # of what was read, the space on the disk is given back at a time
_KEEP_SIZE, _PUNCH_HOLE = 1, 2
STREAMS = {"out": 1, "err": 2}


def _find_fallocate() -> Any:
    if sys.platform != "linux":
        return None
    function = ctypes.CDLL(None).fallocate64
    function.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return function


_fallocate = _find_fallocate()


def open_text(fd: int) -> io.TextIOWrapper[Any]:
    return open(fd, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


class Sink:
    """The file behind one descriptor. `redirect` is for the executor; what is inherited before it can only be read."""

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        with tempfile.NamedTemporaryFile(prefix="flyteui-") as file:
            self._written = os.open(file.name, os.O_WRONLY | os.O_APPEND)
            self._unread = os.open(file.name, os.O_RDONLY)
        self._freed = 0  # up to where

    def redirect(self) -> None:
        """Let the descriptor of the stream lead here."""
        os.dup2(self._written, STREAMS[self.stream])

    def read_bytes(self) -> Iterator[bytes]:
        """What is unread."""
        while data := os.read(self._unread, CHUNK):
            yield data

    def read(self) -> str:
        text = "".join(self._decoder.decode(data) for data in self.read_bytes())
        self._free()
        return text

    def _free(self) -> None:
        """Give back the space of what was read.

        The file becomes sparse and keeps its length. To shorten it would lose what is written between the last read and that
        moment. Where the system offers no such hole, the file goes with its process.
        """
        end = os.lseek(self._unread, 0, os.SEEK_CUR)
        if end - self._freed < FREED_BYTES or _fallocate is None:
            return
        start, self._freed = self._freed, end
        _fallocate(
            self._written, _KEEP_SIZE | _PUNCH_HOLE, start - start % CHUNK, end - start + start % CHUNK
        )


class Descriptors:
    """Create it before the zygote is forked."""

    def __init__(self) -> None:
        self._sinks = [Sink(stream) for stream in STREAMS]
        self._lock = threading.Lock()
        self._write: Callable[[str, str], None] | None = None

    def redirect(self, write: Callable[[str, str], None]) -> None:
        """write(stream, text): called by `read`. From now on messages of the executor itself go to `sys.__stderr__` only."""
        sys.__stdout__ = sys.__stderr__ = open_text(os.dup(STREAMS["err"]))  # type: ignore[misc]
        for sink in self._sinks:
            sink.redirect()
        self._write = write

    def read(self) -> None:
        """Pass on what was written. Any thread."""
        if self._write is None:
            return
        with self._lock:
            for sink in self._sinks:
                if text := sink.read():
                    self._write(sink.stream, text)

    def pass_on(self) -> None:
        """The executor has died: write what is unread to this process' own stderr."""
        for sink in self._sinks:
            for data in sink.read_bytes():
                os.write(STREAMS["err"], data)
