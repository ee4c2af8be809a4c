"""The level that a line of a logger has: loggers write it in words, each in its format. Pure."""

from __future__ import annotations

import re

LEVELS = ("debug", "info", "warning", "error", "critical")  # from the lowest
# Behind it comes the message, which may hold any word.
_WITHIN = 160
_WORDS = {
    "debug": "debug",
    "info": "info",
    "warn": "warning",
    "warning": "warning",
    "error": "error",
    "critical": "critical",
    "fatal": "critical",
}
# In capitals between blanks or brackets, as by `%(levelname)s`; in any case within brackets.
_LEVEL = re.compile(
    r"(?:^|[\s\[(<|:-])(?P<word>DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)(?=[\s\])>|:,-]|$)"
    r"|\[(?P<bracketed>debug|info|warn(?:ing)?|error|critical|fatal)\s*\]"
)
_FIELD = re.compile(r'"level(?:name)?":\s*"(?P<field>\w+)"')


def read_level(text: str) -> str:
    """debug, info, warning, error or critical; "" when the line names none. The text is plain."""
    head = text[:_WITHIN]
    if head.startswith("{"):
        field = _FIELD.search(text)
        return _WORDS.get(field["field"].lower(), "") if field else ""
    found = _LEVEL.search(head)
    return _WORDS[(found["word"] or found["bracketed"]).lower()] if found else ""
