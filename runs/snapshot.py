"""A run in memory as its pages show it: tree, looks and counts, brought up to date by sequence number."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from runs import rows, tree
from runs.errors import NotFound
from runs.failures import first_cause, next_failure
from runs.looks import WORDS
from runs.phases import Phase
from runs.queries.pages import RunHead
from runs.queries.rows import (
    ActionRow,
    Node,
    find_ids,
    get_rows,
    list_changed_nodes,
    list_failed_by_end,
    look_of_sign,
    search,
)
from runs.queries.tries import with_tries
from runs.queries.waits import with_reasons
from runs.seen import Seen, Summary, summarise
from runs.shapes import EVERYTHING, Shape

FAILURES = frozenset({Phase.FAILED.slug, Phase.TIMED_OUT.slug})
NOT_STARTED = frozenset({"queued", "waiting-for-resources"})
KEPT_VIEWS = 16  # of a run: one for each shape in which pages show it
KEPT_ROWS = 20_000  # of a run
KEPT_ACTIONS = 1_000_000  # of all runs


@dataclass(frozen=True, slots=True)
class _View:
    """How the rows of a shape lie. matches: None when everything does."""

    shape: Shape
    layout: tree.Layout
    matches: frozenset[int] | None


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
        self._cause: int | None = None
        self._is_cause_known = True  # nothing has failed yet

    def __len__(self) -> int:
        return len(self._looks)

    def see(
        self, first: int, count: int, shape: Shape = EVERYTHING, *, focus: str = "",
        anchor: tuple[str, int] | None = None,
    ) -> Seen:  # fmt: skip
        """The window of about `count` rows from `first` on, and the row of the action with the focus. Raises NotFound.

        anchor: instead of `first`, the action that has so many rows of the window above it, if it shows.
        Two statements, and one for a focus elsewhere or an anchor; a few more when the shape is new, when rows are shown
        that were not or that are queued, or when the run is over.
        """
        with self._lock:
            self._refresh()
            view = self._view(shape)
            if anchor is not None:
                first = self._first_with(view, first, *anchor)
            return self._seen(view, *tree.window(len(view.layout), first, count), focus)

    def _first_with(self, view: _View, first: int, name: str, above: int) -> int:
        """From which row on a window has so many rows above this action's one; `first` when that does not show itself."""
        node = find_ids(self.head.id, [name]).get(name)
        place = view.layout.place_of(node) if node in self._looks else None
        return first if place is None or place.id != node else max(0, place.index - 1 - above)

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
            return self._seen_around(view, newest, focus)

    def see_failure(
        self, after: str, first: int, count: int, shape: Shape = EVERYTHING, *, back: bool, focus: str = ""
    ) -> Seen:
        """The window around the next failure after this action's row; as `see` when nothing that matches failed.

        Closed branches above it are open in what is seen. Raises NotFound.
        """
        with self._lock:
            self._refresh()
            view = self._view(shape)
            failed = self._failed if view.matches is None else self._failed & view.matches
            current = find_ids(self.head.id, [after]).get(after) if after else None
            node = next_failure(self._tree, failed, current if current in self._looks else None, back=back)
            return self._seen_open(view, node, first, count, focus)

    def see_action(
        self, name: str, first: int, count: int, shape: Shape = EVERYTHING, *, focus: str = ""
    ) -> Seen:
        """The window around this action's row; as `see_failure`, when it is there and matches."""
        with self._lock:
            self._refresh()
            view = self._view(shape)
            node = find_ids(self.head.id, [name]).get(name)
            is_shown = node in (self._looks if view.matches is None else view.matches)
            return self._seen_open(view, node if is_shown else None, first, count, focus)

    def _seen_open(self, view: _View, node: int | None, first: int, count: int, focus: str) -> Seen:
        """The window around a node whose closed branches are open; from `first` on when there is none."""
        if node is None:
            return self._seen(view, *tree.window(len(view.layout), first, count), focus)
        opened, shape = self._closed_above(view, node), view.shape
        shown = self._view(replace(shape, toggled=shape.toggled ^ opened)) if opened else view
        return replace(self._seen_around(shown, node, focus), opened=opened)

    @property
    def _failed(self) -> set[int]:
        return {node for node, look in self._looks.items() if look in FAILURES}

    def _closed_above(self, view: _View, node: int) -> frozenset[str]:
        closed = [one for one in self._tree.ancestors(node) if view.layout.is_closed(one)]
        self._read_rows(closed)
        return frozenset(self._rows[one].name for one in closed)

    def _seen_around(self, view: _View, node: int, focus: str) -> Seen:
        index = view.layout.index_of(node)
        seen = self._seen(view, *tree.window_around(len(view.layout), index), focus)
        return replace(seen, goal=list(seen.window.rows)[index - seen.start])

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
            self._views = {
                shape: view for shape, view in self._views.items() if not (shape.looks or shape.started)
            }
        self._seq = max(node.changed_seq for node in changed)
        self._summary = None

    def _begin(self, nodes: Sequence[Node]) -> None:
        """As `_put` of each, in a quarter of the time."""
        self._tree = tree.Tree((node.id, node.parent_id) for node in nodes)
        self._looks = {node.id: look_of_sign(node.sign) for node in nodes}
        self._counts = Counter(self._looks.values())
        self._is_cause_known = not any(self._counts[look] for look in FAILURES)
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
            self._is_cause_known = False
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
        wanted = (shape.looks or frozenset(WORDS)) - (NOT_STARTED if shape.started else frozenset())
        if not shape.text:
            return frozenset(node for node, look in self._looks.items() if look in wanted)
        if (found := self._found.get(shape.text)) is None:
            if len(self._found) >= KEPT_VIEWS:
                self._found.clear()
            found = self._found[shape.text] = frozenset(search(self.head.id, shape.text))
        looks = self._looks
        return frozenset(node for node in found if looks.get(node) in wanted)

    def _seen(self, view: _View, start: int, stop: int, focus: str = "") -> Seen:
        places = view.layout.window(start, stop)
        read = self._told([place.id for place in places])
        shown = {read[place.id].name: self._html(place, read[place.id], view.matches) for place in places}
        pin = None if not focus or focus in shown else self._pin(view, focus, shown)
        window = rows.Window(shown, start, max(0, len(view.layout) - stop), pin)
        if self._summary is None:
            self._summary = self._summarise()
        matched = None if view.matches is None else len(view.matches)
        waits = any(row.waits for row in read.values())
        return Seen(
            view.shape, self._seq, start, len(view.layout), matched, window, self._summary, waits=waits
        )

    def _pin(self, view: _View, focus: str, shown: Collection[str]) -> rows.Pin | None:
        """The row of what has the focus, or of the closed branch that hides it, unless that is shown."""
        node = find_ids(self.head.id, [focus]).get(focus)
        place = view.layout.place_of(node) if node in self._looks else None
        if place is None:
            return None
        row = self._told([place.id])[place.id]
        if row.name in shown:
            return None
        return rows.Pin(place.index - 1, row.name, self._html(place, row, view.matches, " data-pinned"))

    def _told(self, ids: Sequence[int]) -> dict[int, ActionRow]:
        """These rows, with what changes without their action: why they wait."""
        self._read_rows(ids)
        return with_reasons({one: self._rows[one] for one in ids})

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

    def _html(self, place: tree.Place, row: ActionRow, matches: frozenset[int] | None, more: str = "") -> str:
        hidden = self._failures_below[place.id] if place.is_collapsed else 0
        is_context = matches is not None and place.id not in matches
        return rows.render(
            row, place, self.head.created_at,
            hidden_failures=hidden, is_context=is_context, more=more,
        )  # fmt: skip

    def _summarise(self) -> Summary:
        if not (roots := self._tree.children(None)):
            raise NotFound(f"run {self.head.ref} has no root action")
        self._read_rows(roots[:1])
        return summarise(self.head, self._rows[roots[0]], self._counts, self._find_cause())

    def _find_cause(self) -> ActionRow | None:
        """Looked for anew when something failed: one statement."""
        if not self._is_cause_known:
            by_end = list_failed_by_end(self.head.id)
            self._cause = first_cause(by_end, self._failed, self._failures_below.__getitem__)
            self._is_cause_known = True
        if self._cause is None:
            return None
        self._read_rows([self._cause])
        return self._rows[self._cause]


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
