"""Attributes stdout, stderr and log records to the action in whose context they are written.

Lines are sent every 50 ms. What is written to the descriptors themselves comes through `descriptors.py`, and from the action's
processes through pipes of its own.
"""

from __future__ import annotations

import functools
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from runs.domain.texts import clean
from runs.executor.attempt.attempt import CURRENT, Attempt
from runs.executor.attempt.descriptors import STREAMS
from runs.executor.attempt.state import State
from runs.executor.link.outbox import Outbox
from runs.protocol.bounds import MAX_LINE_BYTES, MAX_LINES_BYTES, split
from runs.protocol.frames import LogLines, now_us

SEND_SECONDS = 0.05
MAX_PARTIAL = 64 * 1024  # characters of a line that has no end yet
_LONGEST_CHARACTER = 4  # bytes in UTF-8

Line = tuple[int, str, str]


class Output:
    """Gathers the lines of all actions until they are put into the outbox. Any thread."""

    def __init__(self, outbox: Outbox, call_later: Callable[[float, Callable[[], None]], object]) -> None:
        self._outbox = outbox
        self._call_later = call_later  # from any thread
        self._lock = threading.Lock()
        self._lines: dict[Attempt, list[Line]] = {}
        self.read_descriptors: Callable[[], None] = lambda: None

    def write(self, attempt: Attempt, stream: str, text: str) -> None:
        """Add text of an action. A line is complete at its newline, at the end of the action, or at 64 kB."""
        with self._lock:
            if attempt.secrets is not None:
                text = attempt.secrets.masker.feed(stream, text)
            self._write(attempt, stream, text)

    def _write(self, attempt: Attempt, stream: str, text: str) -> None:
        *lines, rest = (attempt.partial_lines.pop(stream, "") + text).split("\n")
        if len(rest) > MAX_PARTIAL:
            lines.append(rest)
        elif rest:
            attempt.partial_lines[stream] = rest
        if lines:
            self._add(attempt, stream, lines)

    def flush(self, attempt: Attempt) -> None:
        """Put all that the action has written into the outbox, incomplete lines too."""
        with self._lock:
            for stream, text in attempt.secrets.masker.end() if attempt.secrets is not None else ():
                self._write(attempt, stream, text)
            for stream, rest in attempt.partial_lines.items():
                self._add(attempt, stream, [rest])
            attempt.partial_lines = {}
            self._put(attempt, self._lines.pop(attempt, []))

    def _add(self, attempt: Attempt, stream: str, lines: list[str]) -> None:
        at = now_us()
        added = ((at, stream, clean(part) + "\n") for line in lines for part in _cut(line))
        if attempt in self._lines:
            self._lines[attempt].extend(added)
            return
        if not self._lines:
            self._call_later(SEND_SECONDS, self.send)
        self._lines[attempt] = list(added)

    def send(self) -> None:
        """Put what has gathered into the outbox."""
        with self._lock:
            gathered, self._lines = self._lines, {}
            for attempt, lines in gathered.items():
                self._put(attempt, lines)

    def _put(self, attempt: Attempt, lines: list[Line]) -> None:
        for part in split(lines, MAX_LINES_BYTES):
            self._outbox.put(LogLines(key=attempt.key, attempt=attempt.lease.attempt, lines=part))


def _cut(line: str) -> list[str]:
    """The line in parts that take no more bytes than a line may."""
    length = MAX_LINE_BYTES if line.isascii() else MAX_LINE_BYTES // _LONGEST_CHARACTER
    return [line[start : start + length] for start in range(0, len(line), length)] or [""]


class ActionStream(io.TextIOBase):
    """Stands for sys.stdout or sys.stderr of a process that runs many actions."""

    def __init__(self, stream: str) -> None:
        super().__init__()
        self.output: Output | None = None  # a zygote has none, and runs no action
        self._stream = stream
        self.fallback: TextIO
        self.buffer = _Bytes(self)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "backslashreplace"

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return STREAMS["out" if self._stream == "out" else "err"]

    def write(self, text: str) -> int:
        attempt = CURRENT.get()
        if attempt is None or attempt.state is State.GONE or self.output is None:
            self.fallback.write(text if attempt is None else attempt.mask(text))
        else:
            self.output.write(attempt, self._stream, text)
        return len(text)

    def flush(self) -> None:
        if CURRENT.get() is None:
            self.fallback.flush()


class _Bytes(io.RawIOBase):
    """For code that writes bytes to sys.stdout.buffer."""

    def __init__(self, stream: ActionStream) -> None:
        super().__init__()
        self._text = stream

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._text.write(bytes(data).decode("utf-8", "backslashreplace"))
        return len(data)


def _attributed(output: Output, write: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
    streams = {fd: stream for stream, fd in STREAMS.items()}

    @functools.wraps(write)
    def write_attributed(fd: int, data: Any, /) -> int:
        if fd not in streams or (attempt := CURRENT.get()) is None or attempt.state is State.GONE:
            return write(fd, data)
        output.write(attempt, streams[fd], bytes(data).decode("utf-8", "backslashreplace"))
        return len(data)

    return write_attributed


_streams: dict[str, ActionStream] = {}


def capture(output: Output | None) -> TextIO:
    """Replace sys.stdout and sys.stderr, and what `os.write` does with theirs; return the stream for log records.

    A zygote calls it without an output, and the executors that it forks again with theirs: the streams stay the same, because
    handlers that imported modules have made keep them.
    """
    assert sys.__stderr__ is not None, "an executor is started with an open stderr"
    for name in ("out", "err", "log"):
        stream = _streams.setdefault(name, ActionStream(name))
        # One place for all that belongs to no action, because stdout of an executor carries nothing else.
        stream.output, stream.fallback = output, sys.__stderr__
    if output is not None:
        os.write = _attributed(output, os.write)
    sys.stdout, sys.stderr = cast("TextIO", _streams["out"]), cast("TextIO", _streams["err"])
    return cast("TextIO", _streams["log"])


@contextmanager
def keep_output(there: TextIO) -> Iterator[None]:
    """Write there, meanwhile, what belongs to no action."""
    fallbacks = {stream: stream.fallback for stream in _streams.values()}
    try:
        for stream in fallbacks:
            stream.fallback = there
        yield
    finally:
        for stream, fallback in fallbacks.items():
            stream.fallback = fallback
