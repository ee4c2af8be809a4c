"""How many lines of one kind the log takes: who is refused a thousand times in a second must not fill the disk with it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

LINES = 20
WINDOW_SECONDS = 10.0
MAX_KINDS = 1000

Kind = tuple[str, int, str]


@dataclass(slots=True)
class _Window:
    begun: float
    lines: int = 0
    left_out: int = 0


class RateLimited(logging.Filter):
    """Lets the first LINES of a kind through in each window, and says after it how many it has left out.

    A kind is a logger, a level and a text before its values are put in. Below WARNING everything passes: who asks for that, asks
    for all of it. later: runs a function once the window is over.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], None] | None = None,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._later = later or _run_later
        self._lock = threading.Lock()
        self._windows: dict[Kind, _Window] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        now = self._clock()
        with self._lock:
            kind, window = self._window_of(kind_of(record), now)
            window.lines += 1
            if window.lines <= LINES:
                return True
            window.left_out += 1
            is_first = window.left_out == 1
        if is_first:
            self._later(max(0.0, window.begun + WINDOW_SECONDS - now), lambda: report(kind, window.left_out))
        return False

    def _window_of(self, kind: Kind, now: float) -> tuple[Kind, _Window]:
        window = self._windows.get(kind)
        if window is not None and now - window.begun < WINDOW_SECONDS:
            return kind, window
        if window is None and kind[2] and len(self._windows) >= MAX_KINDS:
            self._windows = {
                old: one for old, one in self._windows.items() if now - one.begun < WINDOW_SECONDS
            }
            if len(self._windows) >= MAX_KINDS:  # texts that were put together before they were logged
                return self._window_of((kind[0], kind[1], ""), now)
        window = self._windows[kind] = _Window(now)
        return kind, window


def kind_of(record: logging.LogRecord) -> Kind:
    """structlog hands over a dict, the standard library a text with places for its values."""
    text = record.msg.get("event", "") if isinstance(record.msg, dict) else record.msg
    return record.name, record.levelno, str(text)[:200]


def report(kind: Kind, count: int) -> None:
    name, level, text = kind
    logging.getLogger(name).log(
        level, "%d more lines like %r were left out in %g s", count, text, WINDOW_SECONDS
    )


def _run_later(seconds: float, function: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, function)
    timer.daemon = True
    timer.start()
