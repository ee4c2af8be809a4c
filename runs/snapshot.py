"""A run in memory as its page shows it: rows, tree and counts, brought up to date by sequence number."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from runs import rows, tree
from runs.errors import NotFound
from runs.looks import STOPPABLE, WORDS
from runs.phases import Phase
from runs.queries.pages import RunHead
from runs.queries.rows import ActionRow, list_changed_rows
from runs.timeline import between_ms, duration_words, to_ms

FAILURES = frozenset({Phase.FAILED, Phase.TIMED_OUT})


@dataclass(frozen=True, slots=True)
class Count:
    """A chip of the summary. below_root: how many of them are not the root, which no abort of a phase selects."""

    look: str
    word: str
    number: int
    below_root: int

    @property
    def can_stop(self) -> bool:
        """Whether all of them can be asked to stop at once."""
        return self.look in STOPPABLE and self.below_root > 0


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

    @property
    def is_over(self) -> bool:
        return self.end_ms is not None


class Snapshot:
    """Not for two threads at once. `structure` grows when rows are added."""

    def __init__(self, head: RunHead) -> None:
        self.head = head
        self.seq = -1
        self.structure = 0
        self._rows: dict[int, ActionRow] = {}
        self._ids: dict[str, int] = {}
        self._tree = tree.Tree()
        self._counts: Counter[str] = Counter()
        self._live = 0
        self._root: int | None = None
        self._flat: tuple[tuple[int, frozenset[str]], list[tree.Place]] | None = None

    @property
    def origin(self) -> datetime:
        return self.head.created_at

    def refresh(self) -> bool:
        """Read what changed since the last time. Return whether anything did. One statement."""
        changed = list_changed_rows(self.head.id, since=self.seq)
        for row in changed:
            self._put(row)
        return bool(changed)

    def _put(self, row: ActionRow) -> None:
        if old := self._rows.get(row.id):
            self._counts[old.look] -= 1
            self._live -= not old.is_terminal
        if self._tree.add(row.id, row.parent_id):
            self.structure += 1
        if row.parent_id is None:
            self._root = row.id
        self._rows[row.id] = row
        self._ids[row.name] = row.id
        self._counts[row.look] += 1
        self._live += not row.is_terminal
        self.seq = max(self.seq, row.changed_seq)

    def places(self, collapsed: frozenset[str] = frozenset()) -> list[tree.Place]:
        """Every row that shows; kept until rows are added or a branch is toggled."""
        key = (self.structure, collapsed)
        if self._flat is None or self._flat[0] != key:
            ids = {self._ids[name] for name in collapsed if name in self._ids}
            self._flat = key, self._tree.flatten(ids)
        return self._flat[1]

    def index_of(self, name: str) -> int:
        """0-based index of the action's row when nothing is collapsed; 0 if there is no such action."""
        wanted = self._ids.get(name)
        return next((place.index - 1 for place in self.places() if place.id == wanted), 0)

    def window(self, start: int, stop: int, collapsed: frozenset[str] = frozenset()) -> rows.Window:
        """The rows [start, stop) as HTML."""
        places = self.places(collapsed)
        shown = {self._rows[place.id].name: self._html(place) for place in places[start:stop]}
        return rows.Window(shown, start, max(0, len(places) - stop))

    def _html(self, place: tree.Place) -> str:
        hidden = self._count_failures_below(place.id) if place.is_collapsed else 0
        return rows.render(self._rows[place.id], place, self.origin, hidden_failures=hidden)

    def _count_failures_below(self, node: int) -> int:
        if not any(self._counts[phase.slug] for phase in FAILURES):
            return 0
        return sum(self._rows[child].phase in FAILURES for child in self._tree.descendants(node))

    def summary(self) -> Summary:
        """Counts and times of the whole run."""
        if self._root is None:
            raise NotFound(f"run {self.head.ref} has no root action")
        root = self._rows[self._root]
        ends = [row.ended_at for row in self._rows.values() if row.ended_at] if not self._live else []
        end_ms = between_ms(self.origin, max(ends)) if ends else None
        counts = self._counts
        shown = (
            Count(look, word, counts[look], counts[look] - (look == root.look))
            for look, word in WORDS.items()
            if counts[look]
        )
        return Summary(
            head=self.head,
            root=root,
            counts=tuple(shown),
            total=len(self._rows),
            origin_ms=to_ms(self.origin),
            end_ms=end_ms,
            duration=duration_words(between_ms(self.origin, root.ended_at)) if root.ended_at else "",
        )
