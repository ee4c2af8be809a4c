"""A printed line as a terminal would leave it: escape sequences applied or removed, overwritten characters gone. Pure.

Colours and styles are kept (SGR), a carriage return and a backspace move the cursor, `EL` erases; every other sequence and control
character is removed, also one that is cut. Each line begins without a style. The work grows with the length of the line only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby, islice
from typing import NamedTuple

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_CONTROLS = re.compile(
    r"\x1b\[(?P<parameters>[0-?]*+)[ -/]*+(?P<final>[@-~])?"  # without a final byte it is cut
    r"|\x1b\][^\x07\x1b]*+(?:\x07|\x1b\\)"  # a title, a hyperlink: what is between two of them is the text of the link
    r"|\x1b[PX^_][^\x1b]*+\x1b\\"
    r"|\x1b[ -/]*+[0-~]?"
    r"|(?P<characters>\r++|\x08++|[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]++)"
)
_MOVES = re.compile(r"[\r\x08]|\x1b\[[0-?]*+[ -/]*+K")
_PRIVATE = re.compile(r"[<=>?]")
_STYLES = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike", 21: "underline"}
_ENDS = {
    22: frozenset({"bold", "dim"}), 23: frozenset({"italic"}), 24: frozenset({"underline"}),
    27: frozenset({"inverse"}), 29: frozenset({"strike"}),
}  # fmt: skip
_VISIBLE_ON_BLANKS = frozenset({"underline", "inverse", "strike"})
_UNDERLINE = 4
_FOREGROUND, _BACKGROUND, _OF_UNDERLINE = 38, 48, 58  # a colour follows
_BY_NUMBER, _BY_PARTS = 5, 2  # how it is given
# Of one of the 16 colours: whether it is that of the background, and which one.
_PALETTE = {
    39: (False, ""), 49: (True, ""),
    **{30 + number: (False, str(number)) for number in range(8)},
    **{40 + number: (True, str(number)) for number in range(8)},
    **{90 + number: (False, str(8 + number)) for number in range(8)},
    **{100 + number: (True, str(8 + number)) for number in range(8)},
}  # fmt: skip
_CUBE = (0, 95, 135, 175, 215, 255)
_NUMBERED = (
    *(str(number) for number in range(16)),
    *(f"#{red:02x}{green:02x}{blue:02x}" for red in _CUBE for green in _CUBE for blue in _CUBE),
    *(f"#{grey:02x}{grey:02x}{grey:02x}" for grey in range(8, 248, 10)),
)
_MOST = 255
_LONGEST = 200  # characters of parameters: what is longer is no style
_MOST_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Style:
    """How characters are drawn. A colour is one of the 16 of a terminal by its number, or `#rrggbb`; "": that of all text."""

    colour: str = ""
    background: str = ""
    looks: frozenset[str] = frozenset()


class Part(NamedTuple):
    """Neighbouring characters of one style."""

    text: str
    style: Style


PLAIN = Style()


def read_parts(text: str) -> list[Part]:
    """The parts of a line, without blanks at its end that nobody sees."""
    if not _CONTROL.search(text):
        text = text.rstrip()
        return [Part(text, PLAIN)] if text else []
    text = text.rstrip("\r")
    row = _Row() if _MOVES.search(text) else _Printed()
    at = 0
    for match in _CONTROLS.finditer(text):
        row.write(text[at : match.start()])
        row.obey(match)
        at = match.end()
    row.write(text[at:])
    return row.parts()


def plain(text: str) -> str:
    """What one can read of the line."""
    return "".join(part.text for part in read_parts(text))


class _Printed:
    """A line in which nothing is overwritten, as are most: many times faster than a row of cells."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._style = PLAIN

    def write(self, text: str) -> None:
        if not text:
            return
        if self._parts and self._parts[-1].style == self._style:
            text = self._parts.pop().text + text
        self._parts.append(Part(text, self._style))

    def obey(self, match: re.Match[str]) -> None:
        if match["final"] == "m" and len(match["parameters"]) <= _LONGEST:
            self._style = _restyled(self._style, match["parameters"])

    def parts(self) -> list[Part]:
        while self._parts and not _shows_blanks(self._parts[-1].style):
            text, style = self._parts.pop()
            if text := text.rstrip():
                self._parts.append(Part(text, style))
                break
        return self._parts


class _Row:
    """The row of a terminal in which the line is written: a character and a style for each column."""

    def __init__(self) -> None:
        self._characters: list[str] = []
        self._styles: list[Style] = []
        self._cursor = 0
        self._style = PLAIN

    def write(self, text: str) -> None:
        if not text:
            return
        end = self._cursor + len(text)
        self._characters[self._cursor : end] = text
        self._styles[self._cursor : end] = [self._style] * len(text)
        self._cursor = end

    def obey(self, match: re.Match[str]) -> None:
        parameters, final, characters = match["parameters"], match["final"], match["characters"]
        if final == "m" and len(parameters) <= _LONGEST:
            self._style = _restyled(self._style, parameters)
        elif final == "K":
            self._erase(parameters)
        elif characters and characters[0] == "\r":
            self._cursor = 0
        elif characters and characters[0] == "\b":
            self._cursor = max(self._cursor - len(characters), 0)

    def _erase(self, parameter: str) -> None:
        """Behind the cursor, or all: then the line begins anew, as what comes next is written from its start."""
        if parameter == "2":
            self._cursor = 0
        if parameter in {"", "0", "2"}:
            del self._characters[self._cursor :], self._styles[self._cursor :]

    def parts(self) -> list[Part]:
        end = len(self._characters)
        while end and self._characters[end - 1].isspace() and not _shows_blanks(self._styles[end - 1]):
            end -= 1
        runs = groupby(zip(self._characters[:end], self._styles[:end], strict=True), key=lambda cell: cell[1])
        return [Part("".join(character for character, _ in cells), style) for style, cells in runs]


def _shows_blanks(style: Style) -> bool:
    return bool(style.background or style.looks & _VISIBLE_ON_BLANKS)


@lru_cache(maxsize=1024)
def _restyled(style: Style, parameters: str) -> Style:
    """The style after `ESC [ parameters m`."""
    if _PRIVATE.search(parameters):
        return style
    codes = iter(parameters.split(";"))
    for code in codes:
        number, *given = map(_number, code.split(":"))
        if number == 0:
            style = PLAIN
        elif number == _UNDERLINE and given[:1] == [0]:
            style = replace(style, looks=style.looks - {"underline"})
        elif number in _STYLES:
            style = replace(style, looks=style.looks | {_STYLES[number]})
        elif number in _ENDS:
            style = replace(style, looks=style.looks - _ENDS[number])
        elif number in _PALETTE:
            style = _coloured(style, *_PALETTE[number])
        elif number in {_FOREGROUND, _BACKGROUND, _OF_UNDERLINE}:
            colour = _read_colour(given, codes)
            if colour is not None and number != _OF_UNDERLINE:
                style = _coloured(style, number == _BACKGROUND, colour)
    return style


def _coloured(style: Style, is_background: bool, colour: str) -> Style:
    return replace(style, background=colour) if is_background else replace(style, colour=colour)


def _read_colour(given: list[int], codes: Iterator[str]) -> str | None:
    """One of 256, or of all: its parts are given behind colons, or follow as parameters of their own. None: it is none."""
    if not given:
        how = _number(next(codes, ""))
        count = {_BY_NUMBER: 1, _BY_PARTS: 3}.get(how, 0)
        given = [how, *(_number(code) for code in islice(codes, count))]
    match given:
        case [5, number] if 0 <= number <= _MOST:
            return _NUMBERED[number]
        case [2, *_, red, green, blue] if all(0 <= one <= _MOST for one in (red, green, blue)):
            return f"#{red:02x}{green:02x}{blue:02x}"
    return None


def _number(text: str) -> int:
    """-1 for what is none that means anything."""
    if not text:
        return 0
    return int(text) if text.isdigit() and text.isascii() and len(text) <= _MOST_DIGITS else -1
