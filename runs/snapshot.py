"""A run in memory as its pages show it: tree, looks and counts, brought up to date by sequence number."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from runs import rows, tree
from runs.errors import NotFound
from runs.looks import STOPPABLE, WORDS
from runs.phases import TERMINAL, Phase
from runs.queries.pages import RunHead
from runs.queries.rows import (
    ActionRow,
    Node,
    find_ids,
    get_last_end,
    get_rows,
    list_changed_nodes,
    look_of_sign,
    search,
)
from runs.queries.tries import with_tries
from runs.timeline import between_ms, duration_words, to_ms

FAILURES = frozenset({Phase.FAILED.slug, Phase.TIMED_OUT.slug})
LIVE_LOOKS = frozenset(WORDS) - {"cached", *(phase.slug for phase in TERMINAL)}
KEPT_VIEWS = 16  # of a run: one for each shape in which pages show it
MAX_TOGGLED = 5000
MAX_TEXT = 100
KEPT_ROWS = 20_000  # of a run
KEPT_ACTIONS = 1_000_000  # of all runs


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

    @property
    def began_ms(self) -> int:
        """When the first action started: the root, without which nothing does."""
        started = self.root.started_at
        return between_ms(self.head.created_at, started) if started else 0


@dataclass(frozen=True, slots=True)
class Shape:
    """Which rows a page wants to see: those that match, what is above them, and of these what is not in a closed branch.

    depth: how many levels are open, 0 is all of them; toggled: names of the branches of which the opposite is true.
    text: in the names of function, environment, action or group; looks: slugs (runs/looks.py). Empty ones match everything.
    """

    depth: int = 0
    toggled: frozenset[str] = frozenset()
    text: str = ""
    looks: frozenset[str] = frozenset()

    @property
    def is_filter(self) -> bool:
        return bool(self.text or self.looks)

    @property
    def words(self) -> list[str]:
        """What it asks for, as a page says it."""
        return [f"“{self.text}”"] * bool(self.text) + [
            WORDS[look].lower() for look in WORDS if look in self.looks
        ]


EVERYTHING = Shape()


def make_shape(
    *, depth: int = 0, toggled: Iterable[str] = (), text: str = "", looks: Iterable[str] = ()
) -> Shape:
    """A shape of what a page says; what is too long is cut, what is unknown is left out."""
    return Shape(
        depth=max(0, depth),
        toggled=frozenset(islice(toggled, MAX_TOGGLED)),
        text=text.strip()[:MAX_TEXT],
        looks=frozenset(looks).intersection(WORDS),
    )


@dataclass(frozen=True, slots=True)
class _View:
    """How the rows of a shape lie. matches: None when everything does."""

    shape: Shape
    layout: tree.Layout
    matches: frozenset[int] | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page shows of a run, all of one moment.

    start: the 0-based row with which the window begins; total: how many rows there are; matched: how many actions match,
    None when nothing is filtered; newest: the row of the newest running action, "" when there is none or nobody follows.
    """

    shape: Shape
    seq: int
    start: int
    total: int
    matched: int | None
    window: rows.Window
    summary: Summary
    newest: str = ""

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


class Snapshot:
    """The tree and the looks of all actions of a run, and the rows of those that were seen lately.

    Any number of pages share one: what is public may be called by any thread.
    """

    def __init__(self, head: RunHead) -> None:
        self.head = head
        self._lock = threading.Lock()
        self._seq = -1
        self._tree = tree.Tree()
        self._looks: dict[int, str] = {}
        self._counts: Counter[str] = Counter()
        self._failures_below: Counter[int] = Counter()
        self._rows: dict[int, ActionRow] = {}
        self._views: dict[Shape, _View] = {}
        self._found: dict[str, frozenset[int]] = {}  # what matches a text
        self._summary: Summary | None = None

    def __len__(self) -> int:
        return len(self._looks)

    def see(self, first: int, count: int, shape: Shape = EVERYTHING, *, focus: str = "") -> Seen:
        """The window of about `count` rows from `first` on, and the row of the action with the focus. Raises NotFound.

        Two statements, and one for a focus elsewhere; a few more when the shape is new, when rows are shown that were not, or when the run is over.
        """
        with self._lock:
            self._refresh()
            view = self._view(shape)
            return self._seen(view, *tree.window(len(view.layout), first, count), focus)

    def summarise(self) -> tuple[int, Summary]:
        """What stands above the tree, and of which sequence number. Raises NotFound. One statement; up to two more when it changed."""
        with self._lock:
            self._refresh()
            if self._summary is None:
                self._summary = self._summarise()
            return self._seq, self._summary

    def see_around(self, name: str, shape: Shape = EVERYTHING, *, focus: str = "") -> Seen:
        """The window around an action's row, or from the top when it does not show. Raises NotFound."""
        with self._lock:
            self._refresh()
            view = self._view(shape)
            node = find_ids(self.head.id, [name]).get(name)
            index = view.layout.index_of(node) if node in self._looks else 0
            return self._seen(view, *tree.window_around(len(view.layout), index), focus)

    def see_newest(self, first: int, count: int, shape: Shape = EVERYTHING, *, focus: str = "") -> Seen:
        """The window around the newest running action that matches; as `see` when there is none. Raises NotFound."""
        with self._lock:
            self._refresh()
            view = self._view(shape)
            shown = self._looks if view.matches is None else view.matches
            newest = max((node for node in shown if self._looks[node] == "running"), default=None)
            if newest is None:
                return self._seen(view, *tree.window(len(view.layout), first, count), focus)
            index = view.layout.index_of(newest)
            seen = self._seen(view, *tree.window_around(len(view.layout), index), focus)
            return replace(seen, newest=list(seen.window.rows)[index - seen.start])

    def _refresh(self) -> None:
        """Read what changed since the last time."""
        changed = list_changed_nodes(self.head.id, since=self._seq)
        if not changed:
            return
        structure = self._tree.structure
        if self._looks:
            for node in changed:
                self._put(node)
        else:
            self._begin(changed)
        if self._tree.structure != structure:
            self._views.clear()
            self._found.clear()
        else:
            self._views = {shape: view for shape, view in self._views.items() if not shape.looks}
        self._seq = max(node.changed_seq for node in changed)
        self._summary = None

    def _begin(self, nodes: Sequence[Node]) -> None:
        """As `_put` of each, in a quarter of the time."""
        self._tree = tree.Tree((node.id, node.parent_id) for node in nodes)
        self._looks = {node.id: look_of_sign(node.sign) for node in nodes}
        self._counts = Counter(self._looks.values())
        for node_id, look in self._looks.items():
            if look in FAILURES:
                self._failures_below.update(self._tree.ancestors(node_id))

    def _put(self, node: Node) -> None:
        look, old = look_of_sign(node.sign), self._looks.get(node.id)
        self._rows.pop(node.id, None)
        if old is None:
            self._tree.add(node.id, node.parent_id)
        if look == old:
            return
        self._looks[node.id] = look
        self._counts[look] += 1
        if old is not None:
            self._counts[old] -= 1
        if look in FAILURES:
            self._failures_below.update(self._tree.ancestors(node.id))

    def _view(self, shape: Shape) -> _View:
        """How the rows of a shape lie; kept until that may have changed."""
        if (view := self._views.get(shape)) is None:
            if len(self._views) >= KEPT_VIEWS:
                self._views.clear()
            matches = self._matches(shape) if shape.is_filter else None
            shown = self._tree if matches is None else self._tree.kept(matches)
            toggled = set(find_ids(self.head.id, shape.toggled).values()) if shape.toggled else set()
            closed = shown.below_level(shape.depth) ^ toggled
            view = self._views[shape] = _View(shape, tree.Layout(shown, closed), matches)
        return view

    def _matches(self, shape: Shape) -> frozenset[int]:
        if not shape.text:
            return frozenset(node for node, look in self._looks.items() if look in shape.looks)
        if (found := self._found.get(shape.text)) is None:
            if len(self._found) >= KEPT_VIEWS:
                self._found.clear()
            found = self._found[shape.text] = frozenset(search(self.head.id, shape.text))
        looks = self._looks
        return frozenset(
            node for node in found if node in looks and (not shape.looks or looks[node] in shape.looks)
        )

    def _seen(self, view: _View, start: int, stop: int, focus: str = "") -> Seen:
        places = view.layout.window(start, stop)
        self._read_rows([place.id for place in places])
        shown = {self._rows[place.id].name: self._html(place, view.matches, start) for place in places}
        pin = None if not focus or focus in shown else self._pin(view, focus, shown)
        window = rows.Window(shown, start, max(0, len(view.layout) - stop), pin)
        if self._summary is None:
            self._summary = self._summarise()
        matched = None if view.matches is None else len(view.matches)
        return Seen(view.shape, self._seq, start, len(view.layout), matched, window, self._summary)

    def _pin(self, view: _View, focus: str, shown: Collection[str]) -> rows.Pin | None:
        """The row of what has the focus, or of the closed branch that hides it, unless that is shown."""
        node = find_ids(self.head.id, [focus]).get(focus)
        place = view.layout.place_of(node) if node in self._looks else None
        if place is None:
            return None
        self._read_rows([place.id])
        name = self._rows[place.id].name
        if name in shown:
            return None
        return rows.Pin(place.index - 1, name, self._html(place, view.matches, None))

    def _read_rows(self, ids: Sequence[int]) -> None:
        missing = [one for one in ids if one not in self._rows]
        if not missing:
            return
        if len(self._rows) + len(missing) > KEPT_ROWS:
            self._rows.clear()
            missing = list(ids)
        read = get_rows(missing)
        if len(read) < len(missing):
            raise NotFound(f"run {self.head.ref} was deleted")
        self._rows.update(with_tries(read))

    def _html(self, place: tree.Place, matches: frozenset[int] | None, start: int | None) -> str:
        """A row of the window that begins with the 0-based `start`; None: the pinned one. It says where its parent is when that is not loaded."""
        is_parent_away = 0 < place.parent_index <= (place.index if start is None else start)
        more = f' data-parent="{place.parent_index}"' if is_parent_away else ""
        more += " data-pinned" if start is None else ""
        hidden = self._failures_below[place.id] if place.is_collapsed else 0
        is_context = matches is not None and place.id not in matches
        return rows.render(
            self._rows[place.id], place, self.head.created_at,
            hidden_failures=hidden, is_context=is_context, more=more,
        )  # fmt: skip

    def _summarise(self) -> Summary:
        """Counts and times of the whole run."""
        if not (roots := self._tree.children(None)):
            raise NotFound(f"run {self.head.ref} has no root action")
        self._read_rows(roots[:1])
        root, counts, origin = self._rows[roots[0]], self._counts, self.head.created_at
        is_over = not any(counts[look] for look in LIVE_LOOKS)
        end = get_last_end(self.head.id) if is_over else None
        shown = (
            Count(look, word, counts[look], counts[look] - (look == root.look))
            for look, word in WORDS.items()
            if counts[look]
        )
        return Summary(
            head=self.head,
            root=root,
            counts=tuple(shown),
            total=len(self._looks),
            origin_ms=to_ms(origin),
            end_ms=between_ms(origin, end) if end else None,
            duration=duration_words(between_ms(origin, root.ended_at)) if root.ended_at else "",
        )


class Snapshots:
    """The snapshots of this process: a run that somebody looks at is read once, whoever comes after."""

    def __init__(self, max_actions: int = KEPT_ACTIONS) -> None:
        self._max_actions = max_actions
        self._lock = threading.Lock()
        self._kept: dict[int, Snapshot] = {}

    def get(self, head: RunHead) -> Snapshot:
        """The run's snapshot. Those that were asked for the longest ago make room."""
        with self._lock:
            snapshot = self._kept.pop(head.id, None)
            if snapshot is None or snapshot.head != head:
                snapshot = Snapshot(head)
            self._kept[head.id] = snapshot
            while len(self._kept) > 1 and sum(map(len, self._kept.values())) > self._max_actions:
                del self._kept[next(iter(self._kept))]
        return snapshot


shared = Snapshots()
