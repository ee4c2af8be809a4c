"""The filter of a run's page: which rows it shows, and the order of siblings. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from runs.domain.status import STATUS_LABELS

MAX_TOGGLED = 5000
MAX_TEXT = 300  # the longest name of a task fits in
INPUT = "input:"
# The orders that every run has, as a URL has them; "" is that in which actions were asked for.
SORTS = {
    "": "By start",
    "-start": "Newest first",
    "duration": "Shortest first",
    "-duration": "Longest first",
    "phase": "By phase",
}


@dataclass(frozen=True, slots=True)
class Sort:
    """The order of the children of each action. by: start, duration, phase or input; input: the name of that one."""

    by: str = "start"
    input: str = ""
    is_descending: bool = False

    @property
    def text(self) -> str:
        """As a URL has it."""
        by = INPUT + self.input if self.input else self.by
        return f"{'-' * self.is_descending}{by}" if self != BY_START else ""

    @property
    def changes(self) -> bool:
        """Whether the order of what there is may change while the run goes on."""
        return self.by in {"duration", "phase"}


BY_START = Sort()


def read_sort(text: str) -> Sort:
    """The order of which a URL or a message says this; what it does not know is the first one."""
    if text in SORTS:
        return Sort(text.removeprefix("-"), is_descending=text[0] == "-") if text else BY_START
    by = text.removeprefix("-")
    name = by.removeprefix(INPUT)[:MAX_TEXT]
    return Sort("input", name, is_descending=text[0] == "-") if by.startswith(INPUT) and name else BY_START


def sort_choices(inputs: Iterable[str]) -> list[tuple[str, str]]:
    """What may be chosen: as a URL has it, and as people read it. inputs: names of those that tell siblings apart."""
    directions = (("", "ascending"), ("-", "descending"))
    by_input = [(f"{sign}{INPUT}{name}", f"{name}, {way}") for name in inputs for sign, way in directions]
    return [*SORTS.items(), *by_input]


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Which rows a page shows: those that match and all above them, without what is in a closed branch.

    depth: how many levels are open, 0 is all of them; toggled: names of the branches that are open or closed
    contrary to their level.
    text: in the names of function, environment, action or group, or a comparison (domain/inputs/conditions.py); statuses: slugs (runs/domain/status.py). Empty ones match everything.
    started: what is queued or waits for resources does not match. sort: the order of siblings, which hides nothing.
    """

    depth: int = 0
    toggled: frozenset[str] = frozenset()
    text: str = ""
    statuses: frozenset[str] = frozenset()
    started: bool = False
    sort: Sort = BY_START

    @property
    def is_filter(self) -> bool:
        return bool(self.text or self.statuses or self.started)

    @property
    def changes(self) -> bool:
        """Whether a change of what there is may change which rows it shows."""
        return bool(self.statuses) or self.started

    @property
    def labels(self) -> list[str]:
        """Its parts as people read them."""
        return (
            [f"“{self.text}”"] * bool(self.text)
            + [STATUS_LABELS[status].lower() for status in STATUS_LABELS if status in self.statuses]
            + ["started"] * self.started
        )


EVERYTHING = RowFilter()


def make_filter(
    *,
    depth: int = 0,
    toggled: Iterable[str] = (),
    text: str = "",
    statuses: Iterable[str] = (),
    started: bool = False,
    sort: str = "",
) -> RowFilter:
    """A filter from what a URL or a message has. What is too long is cut, an unknown status is left out."""
    return RowFilter(
        depth=max(0, depth),
        toggled=frozenset(islice(toggled, MAX_TOGGLED)),
        text=text.strip()[:MAX_TEXT],
        statuses=frozenset(statuses).intersection(STATUS_LABELS),
        started=started,
        sort=read_sort(sort),
    )
