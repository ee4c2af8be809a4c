"""Lines of a log as HTML: their colours, their level; nothing of a user's text is markup."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from runs.queries.logs.action_log import LogLine
from runs.tree.log_lines import lines_html

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)


def html(text: str, stream: str = "out") -> str:
    return lines_html([LogLine(AT, stream, text, 1)])


def text_of(line: str) -> str:
    return line[line.index("<span>") + len("<span>") : line.index("</span>")]


def test_a_colour_is_an_attribute_and_never_a_style():
    line = html("\x1b[1;31mred\x1b[0m <plain> \x1b[38;5;208;44m<b>\x1b[0m")

    assert (
        text_of(line)
        == '<b data-fg="1" data-looks="bold">red</b> &lt;plain&gt; <b data-fg="#ff8700" data-bg="4">&lt;b&gt;</b>'
    )
    assert "style=" not in line


def test_no_character_of_a_sequence_reaches_the_page():
    line = html('\x1b]8;;javascript:alert(1)\x1b\\link\x1b]8;;\x1b\\ \x1b[38;2;"><script>;1m\x00\x1b[3')

    assert not re.search(r"[\x00-\x08\x0b-\x1f]", line)
    assert text_of(line) == "link &gt;&lt;script&gt;;1m"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[r2mn][a0-x] INFO [r2mn][a0] it", '<b data-looks="dim">[r2mn][a0-x] </b>INFO [r2mn][a0] it'),
        ("[r2mn][a0] \x1b[31mred\x1b[0m", '<b data-looks="dim">[r2mn][a0] </b><b data-fg="1">red</b>'),
        ("[r2mn] INFO", "[r2mn] INFO"),
        ("\x1b[31m[r2mn][a0] red", '<b data-fg="1">[r2mn][a0] red</b>'),
        ("", ""),
    ],
)
def test_the_names_of_run_and_action_are_quiet_in_a_line_of_a_logger(text: str, shown: str):
    assert text_of(html(text, "log")) == shown
    assert "dim" not in html(text, "out")


@pytest.mark.parametrize(
    ("stream", "text", "about"),
    [
        ("log", "[r][a0] WARNING \x1b[1mlow\x1b[0m", ' data-stream="log" data-level="warning"'),
        ("log", "\x1b[31mERROR\x1b[0m red", ' data-stream="log" data-level="error"'),
        ("err", "INFO:root:begins", ' data-stream="err" data-level="info"'),
        ("err", "no level", ' data-stream="err"'),
        ("out", "ERROR is only a word here", ""),
        ("system", "ERROR is only a word here", ' data-stream="system"'),
        ('"><script>', "of no stream that we know", ""),
    ],
)
def test_a_line_says_its_stream_and_the_level_of_its_logger(stream: str, text: str, about: str):
    assert html(text, stream).startswith(f'<div class="line"{about}><a')
