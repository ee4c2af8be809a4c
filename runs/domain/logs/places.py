"""The place of a line in the logs of an installation, by which a link finds it again. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runs.domain.errors import Invalid

_PLACE = re.compile(r"(0|[1-9][0-9]{0,14})\.(0|[1-9][0-9]{0,6})")


@dataclass(frozen=True, slots=True)
class LinePlace:
    """The id of the chunk with which the line was stored, and its 0-based number in there. Neither ever changes."""

    chunk: int
    number: int

    def __str__(self) -> str:
        return f"{self.chunk}.{self.number}"


def read_place(text: str) -> LinePlace:
    """The place that an address names. Raises Invalid."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise Invalid("line must be the place of a line, as in the links of a log")
    return LinePlace(int(found[1]), int(found[2]))
