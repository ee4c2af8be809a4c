"""Whose line is it: stdout, stderr and log records, told apart by the action in whose context they are written.

Lines leave at most every 50 ms. What C code or a subprocess writes to the file descriptors cannot be told apart, and
stays in the executor's own output.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable
from typing import TextIO, cast

from runs.executor.frames import LogLines, now_us
from runs.executor.held import CURRENT, Held, Stage
from runs.executor.outbox import Outbox

SEND_SECONDS = 0.05
MAX_LINE = 64 * 1024

Line = tuple[int, str, str]


class Output:
    """Lines that have not been handed to the outbox yet."""

    def __init__(self, outbox: Outbox, call_later: Callable[[float, Callable[[], None]], object]) -> None:
        self._outbox = outbox
        self._call_later = call_later  # from any thread
        self._lock = threading.Lock()
        self._lines: dict[Held, list[Line]] = {}
        self._dropped: dict[Held, int] = {}

    def write(self, held: Held, stream: str, text: str) -> None:
        """Take text of an action; a line is complete at its newline, at the end of the action, or at 64 kB."""
        with self._lock:
            *lines, rest = (held.partial_lines.pop(stream, "") + text).split("\n")
            while len(rest) > MAX_LINE:
                lines.append(rest[:MAX_LINE])
                rest = rest[MAX_LINE:]
            if rest:
                held.partial_lines[stream] = rest
            if lines:
                self._add(held, stream, lines)

    def flush(self, held: Held) -> None:
        """Hand over all that the action has written, unfinished lines too."""
        with self._lock:
            for stream, rest in held.partial_lines.items():
                self._add(held, stream, [rest])
            held.partial_lines = {}
            lines = self._lines.pop(held, None)
            if dropped := self._dropped.pop(held, 0):
                notice = f"flyteui: {dropped} lines of output were dropped: they came faster than the server took them\n"
                lines = [*(lines or []), (now_us(), "err", notice)]
            if lines:
                self._outbox.put(LogLines(key=held.key, attempt=held.lease.attempt, lines=lines))

    def _add(self, held: Held, stream: str, lines: list[str]) -> None:
        if self._outbox.is_full_of_logs:
            self._dropped[held] = self._dropped.get(held, 0) + len(lines)
            return
        at = now_us()
        added = ((at, stream, clean(part) + "\n") for line in lines for part in _cut(line))
        if held in self._lines:
            self._lines[held].extend(added)
            return
        if not self._lines:
            self._call_later(SEND_SECONDS, self.send)
        self._lines[held] = list(added)

    def send(self) -> None:
        """Put what has gathered into the outbox."""
        with self._lock:
            gathered, self._lines = self._lines, {}
            for held, lines in gathered.items():
                self._outbox.put(LogLines(key=held.key, attempt=held.lease.attempt, lines=lines))


def _cut(line: str) -> list[str]:
    return [line[start : start + MAX_LINE] for start in range(0, len(line), MAX_LINE)] or [""]


def clean(text: str) -> str:
    """Text that can be encoded and stored: Python strings may hold lone surrogates, databases refuse NUL."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")


class ActionStream(io.TextIOBase):
    """Stands for sys.stdout or sys.stderr of a process that runs many actions."""

    def __init__(self, output: Output, stream: str, fallback: TextIO) -> None:
        super().__init__()
        self._output = output
        self._stream = stream
        self._fallback = fallback
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
        return self._fallback.fileno()

    def write(self, text: str) -> int:
        held = CURRENT.get()
        if held is None or held.stage is Stage.GONE:
            self._fallback.write(text)
        else:
            self._output.write(held, self._stream, text)
        return len(text)

    def flush(self) -> None:
        if CURRENT.get() is None:
            self._fallback.flush()


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


def capture(output: Output) -> TextIO:
    """Replace sys.stdout and sys.stderr; return the stream for log records."""
    assert sys.__stderr__ is not None, "an executor is started with an open stderr"
    # One place for all that belongs to no action, because stdout of an executor carries nothing else.
    sys.stdout = cast("TextIO", ActionStream(output, "out", sys.__stderr__))
    sys.stderr = cast("TextIO", ActionStream(output, "err", sys.__stderr__))
    return cast("TextIO", ActionStream(output, "log", sys.__stderr__))
