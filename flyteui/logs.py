"""The server's own log: lines for people, without secrets, each of a bounded length.

A traceback has no values of variables: these hold session cookies and tokens, and to format them took seconds.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener
from queue import Full, Queue
from typing import Any, TextIO

from flyteui.log_limits import RateLimited


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Let no module import these packages, unless they are loaded already. For libraries that do without what is not installed."""
    loaded = {name: sys.modules[name] for name in names if name in sys.modules}
    for name in names:
        sys.modules[name] = None  # type: ignore[assignment]  # the import system's sign for "not to be found"
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(loaded)


# It would load them for coloured tracebacks, and for Twisted's own log: a fifth of the start of every command.
with without("rich", "twisted"):
    import structlog

MAX_FRAMES = 20  # of a traceback, the innermost
MAX_TRACEBACK = 8 * 1024  # characters
MAX_VALUE = 2 * 1024
MAX_LINE = 16 * 1024
MAX_WAITING_LINES = 10_000
FLUSH_SECONDS = 1.0
REDACTED = "[redacted]"

_SECRET_KEY = re.compile(r"authorization|cookie|token|secret|password|api.?key|sessionid", re.IGNORECASE)
_SECRETS_IN_TEXT = (
    (re.compile(r"(?i)\bbearer\s+[^\s'\",;)\]]+"), f"Bearer {REDACTED}"),
    (re.compile(r"(?i)\b(sessionid|csrftoken)=[^\s'\";,)\]]+"), rf"\1={REDACTED}"),
    # As a header, or as a pair of an ASGI scope: everything up to the quote or the end of the line.
    (
        re.compile(r"(?i)\b((?:set-)?cookie|(?:proxy-)?authorization)(['\"]?\s*[:=,]\s*b?['\"]?)[^'\"\r\n]+"),
        rf"\1\2{REDACTED}",
    ),
)

# Every line goes through these, whether structlog or the standard library wrote it.
_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=False),
]


class NotAskedAboutHealth(logging.Filter):
    """Drops lines about /readyz: a process that starts the server polls it many times a second."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "/readyz" not in record.getMessage()


class NoTracebackOfRefusals(logging.Filter):
    """Leaves out the traceback of what Django refuses by itself, as a Host that is not ours: the line says it all."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security"):
            record.exc_info = None
        return True


def redact(text: str) -> str:
    """The text without bearer tokens, cookies and session ids."""
    for pattern, instead in _SECRETS_IN_TEXT:
        text = pattern.sub(instead, text)
    return text


def cut(text: str, longest: int) -> str:
    """The text with its middle left out when it is longer."""
    if len(text) <= longest:
        return text
    head = longest // 4
    return f"{text[:head]} … {len(text) - longest} characters left out … {text[head - longest :]}"


def bound_values(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor: what a secret's key holds is left out, long texts are cut before they are formatted."""
    for key, value in event.items():
        if _SECRET_KEY.search(key):
            event[key] = REDACTED
        elif isinstance(value, str | bytes) and len(value) > MAX_VALUE:
            event[key] = cut(value if isinstance(value, str) else value.decode("latin-1"), MAX_VALUE)
    return event


def bound_line(_logger: Any, _method: str, line: str) -> str:
    """The last processor, after the renderer."""
    return redact(cut(line, MAX_LINE))


def write_traceback(stream: TextIO, exc_info: Any) -> None:
    """The formatter of exceptions: the innermost frames, without the values of variables."""
    kind, error, trace = exc_info
    found = traceback.TracebackException(kind, error, trace, limit=-MAX_FRAMES, compact=True)
    stream.write("\n" + cut("".join(found.format()), MAX_TRACEBACK))


class WriteInThread(QueueHandler):
    """Formats a line where it is logged and writes it in a thread: a stderr that blocks holds up no request.

    Lines beyond MAX_WAITING_LINES are dropped. `logging.shutdown` waits a moment for those that are left.
    """

    def __init__(self, target: logging.Handler) -> None:
        self._lines: Queue[logging.LogRecord | None] = Queue(MAX_WAITING_LINES)
        super().__init__(self._lines)
        self.setFormatter(target.formatter)
        self.setLevel(target.level)
        self.filters = target.filters
        target.setFormatter(None)
        target.filters = []
        self._writer = QueueListener(self._lines, target)
        self._writer.start()

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return logging.LogRecord(
            record.name, record.levelno, record.pathname, record.lineno, self.format(record), None, None
        )

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put_nowait(record)
        except Full:
            pass

    def close(self) -> None:
        thread = self._writer._thread
        if thread is not None:
            try:
                self._lines.put(None, timeout=FLUSH_SECONDS)  # what ends a QueueListener
                thread.join(FLUSH_SECONDS)
            except Full:
                pass
            self._writer._thread = None
        super().close()


def write_in_thread() -> None:
    """Have a thread write the log of this process, whose event loop must not wait for it."""
    root = logging.getLogger()
    root.handlers = [
        handler if isinstance(handler, WriteInThread) else WriteInThread(handler) for handler in root.handlers
    ]


def logging_config(level: str) -> dict[str, Any]:
    """Django's LOGGING: lines for people, on stderr."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "health": {"()": NotAskedAboutHealth},
            "refusals": {"()": NoTracebackOfRefusals},
            "rate": {"()": RateLimited},
        },
        "formatters": {
            "people": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    bound_values,
                    structlog.dev.ConsoleRenderer(
                        colors=False, pad_event_to=0, exception_formatter=write_traceback
                    ),
                    bound_line,
                ],
                "foreign_pre_chain": _SHARED,
            }
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "people",
                "filters": ["health", "refusals", "rate"],
            }
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {"django": {"handlers": [], "propagate": True}, "daphne": {"level": "WARNING"}},
    }
