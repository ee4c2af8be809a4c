"""The filter of a run's page: which rows it shows. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from runs.domain.status import STATUS_LABELS

MAX_TOGGLED = 5000
MAX_TEXT = 100


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Which rows a page shows: those that match and all above them, without what is in a closed branch.

    depth: how many levels are open, 0 is all of them; toggled: names of the branches that are open or closed
    contrary to their level.
    text: in the names of function, environment, action or group; statuses: slugs (runs/domain/status.py). Empty ones match everything.
    started: what is queued or waits for resources does not match.
    """

    depth: int = 0
    toggled: frozenset[str] = frozenset()
    text: str = ""
    statuses: frozenset[str] = frozenset()
    started: bool = False

    @property
    def is_filter(self) -> bool:
        return bool(self.text or self.statuses or self.started)

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
) -> RowFilter:
    """A filter from what a URL or a message has. What is too long is cut, an unknown status is left out."""
    return RowFilter(
        depth=max(0, depth),
        toggled=frozenset(islice(toggled, MAX_TOGGLED)),
        text=text.strip()[:MAX_TEXT],
        statuses=frozenset(statuses).intersection(STATUS_LABELS),
        started=started,
    )
