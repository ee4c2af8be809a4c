"""What the page of a run shows at one moment: its rows, and the summary above them. A snapshot or the first paint makes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from runs.domain.addresses.pages import task_path
from runs.domain.inputs.siblings import read_groups
from runs.domain.phases import TERMINAL, Phase
from runs.domain.status import NEEDS_ANSWER, STATUS_LABELS, Count
from runs.domain.timeline import between_ms, format_duration, to_ms
from runs.queries.rows import ActionRow, get_last_end
from runs.queries.runs import RunHead
from runs.tree import render
from runs.tree.filter import RowFilter, sort_choices

MAX_INPUTS = 12  # to choose from, by which the children of what is shown can be sorted
LIVE_STATUSES = frozenset(STATUS_LABELS) - {"cached", *(phase.slug for phase in TERMINAL)}


@dataclass(frozen=True, slots=True)
class Summary:
    """The summary above the tree: context of runs/tree/_run_header.html and runs/tree/_summary.html."""

    head: RunHead
    root: ActionRow
    counts: tuple[Count, ...]
    total: int
    origin_ms: int
    end_ms: int | None  # offset of the last end, once nothing is live
    duration: str
    cause: ActionRow | None = None  # the first that failed, with nothing below it that did
    asks: ActionRow | None = None  # the first condition that waits for an answer
    asking: int = 0  # how many of them wait

    @property
    def status(self) -> str:
        """That of the root; of a run that goes on once somebody has answered, that of the condition."""
        return self.asks.status if self.asks and self.needs_answer else self.root.status

    @property
    def task_path(self) -> str:
        return task_path(self.head.ref.project, self.head.ref.domain, self.root.task_name)

    @property
    def needs_answer(self) -> bool:
        return self.asks is not None and not (self.root.is_terminal or self.root.is_aborting)

    @property
    def status_label(self) -> str:
        return NEEDS_ANSWER if self.needs_answer else self.root.status_label

    @property
    def is_caught(self) -> bool:
        """Whether what failed did no harm: the run has succeeded all the same."""
        return self.root.phase in {Phase.SUCCEEDED, Phase.RECOVERED}

    @property
    def passes_on(self) -> bool:
        """Whether the root has failed with the error of what failed first, word for word."""
        return (
            self.cause is not None and self.cause.id != self.root.id and self.cause.error == self.root.error
        )

    @property
    def is_over(self) -> bool:
        return self.end_ms is not None

    @property
    def is_unclaimed(self) -> bool:
        """Whether the run may wait for its first executor; `get_unclaimed` has the reason."""
        return self.root.status in {"queued", "waiting-for-resources"} and self.root.started_at is None

    @property
    def began_ms(self) -> int:
        """When the first action started: the root, without which nothing does."""
        started = self.root.started_at
        return between_ms(self.head.created_at, started) if started else 0


def summarise(
    head: RunHead,
    root: ActionRow,
    counts: Counter[str],
    cause: ActionRow | None = None,
    asks: ActionRow | None = None,
) -> Summary:
    """Counts and times of the whole run. One statement when it is over."""
    origin = head.created_at
    is_over = not any(counts[status] for status in LIVE_STATUSES)
    end = get_last_end(head.id) if is_over else None
    shown = (
        Count(status, label, counts[status], counts[status] - (status == root.status))
        for status, label in STATUS_LABELS.items()
        if counts[status]
    )
    return Summary(
        head=head,
        root=root,
        counts=tuple(shown),
        total=counts.total(),
        origin_ms=to_ms(origin),
        end_ms=between_ms(origin, end) if end else None,
        duration=format_duration(between_ms(origin, root.ended_at)) if root.ended_at else "",
        cause=cause,
        asks=asks,
        asking=counts[Phase.PAUSED.slug],
    )


class Running(NamedTuple):
    """A row that runs, and has room for what it says beside its status. is_metered: what it uses is measured."""

    id: int
    name: str
    is_metered: bool


@dataclass(frozen=True, slots=True)
class RunPage:
    """What the page of a run shows, all of it read at one sequence number.

    start: the 0-based row with which the window begins; total: how many rows there are; matched: how many actions match the
    filter, None without one; goal: the row that was sought, "" when there is none; opened: closed branches above it that are
    open in this page; waits: whether a row has a reason why it waits, which changes without a change of the run.
    running: those of its rows that have room for the last line of what they print;
    inputs: by which siblings among these rows differ; settles: the order of the rows is a moment old, and another one will follow;
    can_abort: something below the root matches the filter and goes on.
    """

    filter: RowFilter
    seq: int
    start: int
    total: int
    matched: int | None
    window: render.Window
    summary: Summary
    goal: str = ""
    waits: bool = False
    opened: frozenset[str] = frozenset()
    running: tuple[Running, ...] = ()
    inputs: tuple[str, ...] = ()
    settles: bool = False
    can_abort: bool = False

    @property
    def sorts(self) -> list[tuple[str, str]]:
        """What its rows may be sorted by, as a URL has it and as people read it."""
        chosen = self.filter.sort.input
        return sort_choices([*self.inputs, *[chosen] * (chosen not in self.inputs and bool(chosen))])

    @property
    def first_row(self) -> int:
        """1-based, of the window."""
        return self.start + 1

    @property
    def last_row(self) -> int:
        return self.start + len(self.window.rows)

    @property
    def chips(self) -> list[Count]:
        """The counts of the summary, and those by which it is filtered though no action has them now."""
        counts = {count.status: count for count in self.summary.counts}
        shown = (status for status in STATUS_LABELS if status in counts or status in self.filter.statuses)
        return [counts.get(status) or Count(status, STATUS_LABELS[status], 0, 0) for status in shown]


def differing_inputs(parents: Iterable[ActionRow]) -> tuple[str, ...]:
    """The names of the inputs by which children of these differ, as far as there is room to choose one."""
    texts = dict.fromkeys(parent.child_inputs for parent in parents)
    names = {name for text in texts for _, some in read_groups(text).values() for name in some}
    return tuple(sorted(names)[:MAX_INPUTS])


def running_of(rows: Iterable[ActionRow]) -> tuple[Running, ...]:
    """Those whose status is followed by nothing else (runs/tree/_status_reason.html, static/js/tree/last-lines.js)."""
    return tuple(Running(row.id, row.name, row.is_isolated) for row in rows if row.has_room_for_line)
