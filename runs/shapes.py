"""Which rows of a run a page asks for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from runs.looks import WORDS

MAX_TOGGLED = 5000
MAX_TEXT = 100


@dataclass(frozen=True, slots=True)
class Shape:
    """Which rows a page wants to see: those that match, what is above them, and of these what is not in a closed branch.

    depth: how many levels are open, 0 is all of them; toggled: names of the branches of which the opposite is true.
    text: in the names of function, environment, action or group; looks: slugs (runs/looks.py). Empty ones match everything.
    started: what is queued or waits for resources does not match.
    """

    depth: int = 0
    toggled: frozenset[str] = frozenset()
    text: str = ""
    looks: frozenset[str] = frozenset()
    started: bool = False

    @property
    def is_filter(self) -> bool:
        return bool(self.text or self.looks or self.started)

    @property
    def words(self) -> list[str]:
        """What it asks for, as a page says it."""
        return (
            [f"“{self.text}”"] * bool(self.text)
            + [WORDS[look].lower() for look in WORDS if look in self.looks]
            + ["started"] * self.started
        )


EVERYTHING = Shape()


def make_shape(
    *,
    depth: int = 0,
    toggled: Iterable[str] = (),
    text: str = "",
    looks: Iterable[str] = (),
    started: bool = False,
) -> Shape:
    """A shape of what a page says; what is too long is cut, what is unknown is left out."""
    return Shape(
        depth=max(0, depth),
        toggled=frozenset(islice(toggled, MAX_TOGGLED)),
        text=text.strip()[:MAX_TEXT],
        looks=frozenset(looks).intersection(WORDS),
        started=started,
    )
