"""Lines of a log as HTML, the same for first paint, live frames and what a search finds. No template: in a frame it would cost too much time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from django.utils.safestring import SafeString, mark_safe

from runs.domain.logs.levels import read_level
from runs.domain.logs.terminal import PLAIN, Part, Style, read_parts
from runs.domain.logs.tracebacks import is_library_frame
from runs.queries.logs.action_log import LogLine
from runs.queries.logs.run_log import RunLine

# The mark of a line by its stream; stdout has none. The stream is an attribute: `log` is also the class of the box.
STREAMS = {"out": "", "err": "err", "log": "log", "system": "flyteui"}
# Of run and action, which the SDK's formatter puts before each record: in the log of the action they are the same everywhere.
_NAMES = re.compile(r"\[[\w.-]+\]\[[\w.-]+\] ")
_QUIET = Style(looks=frozenset({"dim"}))
_WITH_LEVELS = frozenset({"log", "err"})  # to which loggers write


def lines_html(lines: Iterable[LogLine]) -> SafeString:
    """A `.line` for each: the time in UTC, which links to the line, the stream, the text. stdout has no `data-stream`.
    The page's clock writes the time as its reader has chosen.

    With thousands of lines, a reader with a keyboard has the button beside the search for such a link: no stop of Tab for each.
    """
    return mark_safe("".join(map(_log_line, lines)))  # noqa: S308  # what is not ours is escaped


def run_lines_html(lines: Iterable[RunLine], path: str) -> SafeString:
    """The same, with the action that printed each, which links to the line in its log; path: of the run. What runs still has `data-live`."""
    return mark_safe("".join(_run_line(one, path) for one in lines))  # noqa: S308  # as above


def _run_line(one: RunLine, path: str) -> str:
    name, place = escape(one.action), one.line.place
    about = f' data-action="{name}"{" data-live" if one.is_live else ""}'
    at = f"&amp;tab=logs&amp;line={place}" if place else ""
    who = (
        f'<a class="who" href="{path}?action={name}{at}" tabindex="-1" title="{name}">{escape(one.label)}</a>'
    )
    return _log_line(one.line, about, who)


def _log_line(line: LogLine, about: str = "", who: str = "") -> str:
    parts = read_parts(line.text)
    text = "".join(part.text for part in parts)
    mark = STREAMS.get(line.stream, "")
    about += f' data-stream="{line.stream}"' if mark else ""
    if line.stream in _WITH_LEVELS and (level := read_level(text)):
        about += f' data-level="{level}"'
    if is_library_frame(text):
        about += ' data-frame="library"'
    if line.attempt > 1:
        about += f' title="attempt {line.attempt}"'
    at = line.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    link = f' href="?line={line.place}" tabindex="-1"' if line.place else ""
    parts = _with_quiet_names(parts) if line.stream == "log" else parts
    return (
        f'<div class="line"{about}><a{link}><time datetime="{at}">{at[11:23]}</time></a>{who}'
        f"<i>{mark}</i><span>{''.join(map(_part, parts))}</span></div>"
    )


def _with_quiet_names(parts: list[Part]) -> list[Part]:
    if not parts or parts[0].style != PLAIN or (names := _NAMES.match(parts[0].text)) is None:
        return parts
    return [Part(names[0], _QUIET), Part(parts[0].text[names.end() :], PLAIN), *parts[1:]]


def _part(part: Part) -> str:
    """Text with its style in attributes (static/css/log/colours.css, static/js/log/colours.js)."""
    text, style = part
    if style == PLAIN:
        return escape(text)
    about = f' data-fg="{style.colour}"' if style.colour else ""
    about += f' data-bg="{style.background}"' if style.background else ""
    about += f' data-looks="{" ".join(sorted(style.looks))}"' if style.looks else ""
    return f"<b{about}>{escape(text)}</b>"
