"""Frames of tracebacks: which are of a library, and which is the last of the user's own code. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# In a group of exceptions, bars stand before it.
_FRAME = re.compile(
    r'^(?P<indent>[\s|]*)File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in (?P<function>.+))?$'
)
# What is installed, Python's own modules, and flyteui and flyte where they run from their sources.
_LIBRARY = re.compile(
    r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib(?:64)?[/\\]python3(?:\.\d+)?t?[/\\]|[/\\]python3\d+\.zip[/\\]"
    r"|^<(?:frozen |string>|attrs |__array)|[/\\]runs[/\\](?:executor|protocol|domain)[/\\]|[/\\]src[/\\]flyte[/\\]"
)
_BUNDLE = re.compile(r"^.*/bundles/[0-9a-f]{32}/")  # where an executor has the user's files
_BEGINNING = "Traceback (most recent call last):"
_CHAIN = re.compile(
    r"[\s|]*(?:The above exception was the direct cause|During handling of the above exception)"
)
_MARKS = re.compile(r"[\s|~^]*")  # under the code, where in the line it was


@dataclass(frozen=True, slots=True)
class Frame:
    """A place in the user's code. file: from where the code was uploaded; code: its first line, "" where the traceback has none."""

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


def find_own_frame(lines: Sequence[str], code: str) -> tuple[int, Frame] | None:
    """Where the last traceback that ends with this error names the user's own code last, and that place.

    A traceback without own frames came from another exception, perhaps: then the last one of that counts.
    """
    raised = re.compile(rf"[\s|]*(?:\w+\.)*{re.escape(code)}(?::|$)")
    end = next((number for number in reversed(range(len(lines))) if raised.match(lines[number])), 0)
    for number in reversed(range(end)):
        found = _FRAME.match(lines[number])
        if found is not None and not is_library(found["file"]):
            return number, _frame(found, lines[number + 1])
        if lines[number].endswith(_BEGINNING) and not any(
            map(_CHAIN.match, lines[max(number - 2, 0) : number])
        ):
            break
    return None


def _frame(found: re.Match[str], below: str) -> Frame:
    is_code = below.startswith(found["indent"] + "  ") and not _MARKS.fullmatch(below)
    code = below.strip(" |\t") if is_code else ""
    file = _BUNDLE.sub("", found["file"])
    return Frame(file, int(found["line"][:9]), (found["function"] or "").strip(), code)
