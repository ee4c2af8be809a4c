"""Lines of a log as HTML, the same for first paint, live frames and what a search finds. No template: in a frame it would cost too much time."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from runs.queries.logs import LogLine

# The mark of a line by its stream; stdout has none. Words of users never become classes: one of them might have styles.
STREAMS = {"out": "", "err": "err", "log": "log", "system": "flyteui"}


def lines_html(lines: Iterable[LogLine]) -> SafeString:
    """A `.line` for each: the time in UTC, the stream, the text. stdout, of which are most, has no `data-stream`."""
    return mark_safe("".join(map(_log_line, lines)))  # noqa: S308  # what is not ours is escaped


def _log_line(line: LogLine) -> str:
    mark = STREAMS.get(line.stream, "")
    stream = f' data-stream="{line.stream}"' if mark else ""
    at = line.at.isoformat(timespec="milliseconds")
    again = f' title="attempt {line.attempt}"' if line.attempt > 1 else ""
    return (
        f'<div class="line"{stream}{again}><time datetime="{at}">{at[11:23]}</time>'
        f"<i>{mark}</i><span>{escape(line.text.rstrip())}</span></div>"
    )
