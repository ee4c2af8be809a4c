"""How a line of a log looks: for the panel, for the frames that follow, and for what a search found.

Not a template: the lines of a frame would cost more than the frame may.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from runs.queries.logs import LogLine

# What a line is marked with; most are of stdout, which is not said.
STREAMS = {"out": "", "err": "err", "log": "log", "system": "flyteui"}


def lines_html(lines: Iterable[LogLine]) -> SafeString:
    """A `.line` for each: the time in UTC, the stream, the text."""
    return mark_safe("".join(map(_line, lines)))  # noqa: S308  # what is not ours is escaped


def _line(line: LogLine) -> str:
    stream = line.stream if line.stream in STREAMS else "out"
    at = line.at.isoformat(timespec="milliseconds")
    again = f' title="attempt {line.attempt}"' if line.attempt > 1 else ""
    return (
        f'<div class="line {stream}"{again}><time datetime="{at}">{at[11:23]}</time>'
        f"<i>{STREAMS[stream]}</i><span>{escape(line.text)}</span></div>"
    )
