"""Frames of tracebacks: which are of a library, and which is the last of the user's own code. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

# In a group of exceptions, bars stand before it.
_FRAME = re.compile(
    r'^(?P<indent>[\s|]*)File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$', re.MULTILINE
)
# What is installed, Python's own modules, and flyteui and flyte where they run from their sources.
_LIBRARY = re.compile(
    r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib(?:64)?[/\\]python3(?:\.\d+)?t?[/\\]|[/\\]python3\d+\.zip[/\\]"
    r"|^<(?:frozen |string>|attrs |__array)|[/\\]runs[/\\](?:executor|protocol|domain)[/\\]|[/\\]src[/\\]flyte[/\\]"
)
_MARKS = re.compile(r"[\s|~^]*")  # under the code, where in the line it was


@dataclass(frozen=True, slots=True)
class Frame:
    """A place in the user's code. code: its first line, "" where the traceback has none."""

    file: str
    line: int
    function: str
    code: str


def is_library_frame(text: str) -> bool:
    """Whether this line of a log begins a frame of a library. The text is plain."""
    if 'File "' not in text:
        return False
    found = _FRAME.match(text)
    return found is not None and is_library(found["file"])


def is_library(file: str) -> bool:
    return _LIBRARY.search(file) is not None


def find_own_frame(message: str) -> Frame | None:
    """The last frame that is of no library."""
    own = [found for found in _FRAME.finditer(message) if not is_library(found["file"])]
    return _frame(own[-1], message) if own else None


def _frame(found: re.Match[str], message: str) -> Frame:
    below = message[found.end() + 1 :].partition("\n")[0]
    is_code = below.startswith(found["indent"] + "  ") and not _MARKS.fullmatch(below)
    code = below.strip(" |\t") if is_code else ""
    return Frame(found["file"], int(found["line"][:9]), (found["function"] or "").strip(), code)
