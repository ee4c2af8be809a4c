"""How the server's own log lines look, and which are not worth a line."""

from __future__ import annotations

import logging
from typing import Any

import structlog

# Every line goes through these, whether structlog or the standard library wrote it.
_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=False),
]


class NotAskedAboutHealth(logging.Filter):
    """Drops lines about /readyz: whoever starts the server asks it many times a second."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "/readyz" not in record.getMessage()


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
        "filters": {"health": {"()": NotAskedAboutHealth}},
        "formatters": {
            "people": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0),
                ],
                "foreign_pre_chain": _SHARED,
            }
        },
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "people", "filters": ["health"]}
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {"django": {"handlers": [], "propagate": True}, "daphne": {"level": "WARNING"}},
    }
