"""What a page shows of a run: rows, and what stands above them. Of one moment, from a glance or a snapshot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from runs import rows
from runs.looks import WORDS, Count
from runs.phases import TERMINAL
from runs.queries.pages import RunHead
from runs.queries.rows import ActionRow, get_last_end
from runs.shapes import Shape
from runs.timeline import between_ms, duration_words, to_ms

LIVE_LOOKS = frozenset(WORDS) - {"cached", *(phase.slug for phase in TERMINAL)}


@dataclass(frozen=True, slots=True)
class Summary:
    """What stands above the tree: context of runs/_header.html and runs/_summary.html."""

    head: RunHead
    root: ActionRow
    counts: tuple[Count, ...]
    total: int
    origin_ms: int
    end_ms: int | None  # offset of the last end, once nothing is live
    duration: str
    cause: ActionRow | None = None  # the first that failed, with nothing below it that did

    @property
    def is_over(self) -> bool:
        return self.end_ms is not None

    @property
    def is_unclaimed(self) -> bool:
        """Whether the run waits for its first executor, as far as its rows say."""
        return self.root.look in {"queued", "waiting-for-resources"} and self.root.started_at is None

    @property
    def began_ms(self) -> int:
        """When the first action started: the root, without which nothing does."""
        started = self.root.started_at
        return between_ms(self.head.created_at, started) if started else 0


def summarise(
    head: RunHead, root: ActionRow, counts: Counter[str], cause: ActionRow | None = None
) -> Summary:
    """Counts and times of the whole run. One statement when it is over."""
    origin = head.created_at
    is_over = not any(counts[look] for look in LIVE_LOOKS)
    end = get_last_end(head.id) if is_over else None
    shown = (
        Count(look, word, counts[look], counts[look] - (look == root.look))
        for look, word in WORDS.items()
        if counts[look]
    )
    return Summary(
        head=head,
        root=root,
        counts=tuple(shown),
        total=counts.total(),
        origin_ms=to_ms(origin),
        end_ms=between_ms(origin, end) if end else None,
        duration=duration_words(between_ms(origin, root.ended_at)) if root.ended_at else "",
        cause=cause,
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page shows of a run, all of one moment.

    start: the 0-based row with which the window begins; total: how many rows there are; matched: how many actions match,
    None when nothing is filtered; goal: the row that was looked for, "" when there is none; opened: the closed branches above it;
    waits: whether a row says why it waits, which changes without the run.
    """

    shape: Shape
    seq: int
    start: int
    total: int
    matched: int | None
    window: rows.Window
    summary: Summary
    goal: str = ""
    waits: bool = False
    opened: frozenset[str] = frozenset()

    @property
    def first_row(self) -> int:
        """1-based, of the window."""
        return self.start + 1

    @property
    def last_row(self) -> int:
        return self.start + len(self.window.rows)

    @property
    def chips(self) -> list[Count]:
        """The counts of the summary, and those that the shape asks for though there are none now."""
        counts = {count.look: count for count in self.summary.counts}
        shown = (look for look in WORDS if look in counts or look in self.shape.looks)
        return [counts.get(look) or Count(look, WORDS[look], 0, 0) for look in shown]
