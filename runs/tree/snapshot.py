"""A run in memory, shared by all pages that show it: tree, statuses and counts, refreshed by sequence number."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from runs.domain.errors import NotFound
from runs.domain.phases import Phase
from runs.domain.status import STATUS_LABELS
from runs.queries.failures.causes import find_passing_on, find_raiser
from runs.queries.rows import ActionRow, Node, list_changed_nodes, status_of_bits
from runs.queries.runs import RunHead
from runs.queries.searches import find_ids, list_failed_by_end, search
from runs.tree import render
from runs.tree.causes import first_cause, next_failure
from runs.tree.filter import EVERYTHING, RowFilter
from runs.tree.groups import GroupRow, Groups, name_of, read_name
from runs.tree.layout import Layout, Order, Place, Tree, window, window_around
from runs.tree.page import LIVE_STATUSES, RunPage, Summary, differing_inputs, running_of, summarise
from runs.tree.page_rows import PageRows
from runs.tree.sorting import Keys, Now, Sorting

FAILURES = frozenset({Phase.FAILED.slug, Phase.TIMED_OUT.slug})
NOT_STARTED = frozenset({"queued", "waiting-for-resources"})
KEPT_FILTERS = 16  # filtered trees that are cached, of a run


@dataclass(frozen=True, slots=True)
class _FilteredTree:
    """The layout of the rows that a filter leaves. matches: the actions that match, None without a filter; version: of the keys."""

    filter: RowFilter
    layout: Layout
    matches: frozenset[int] | None
    version: int


class Snapshot:
    """The tree and the statuses of all actions of a run, and the rows of those that pages showed lately.

    Any number of pages share one: what is public may be called by any thread.
    """

    def __init__(self, head: RunHead) -> None:
        self.head = head
        self._lock = threading.Lock()
        self._seq = -1
        self._tree = Tree()
        self._statuses: dict[int, str] = {}
        self._counts: Counter[str] = Counter()
        # Of failures with failures below them: whether they are those of a child.
        self._passes_on: dict[int, bool] = {}
        self._asking: set[int] = set()  # conditions that wait
        self._failures_below: Counter[int] = Counter()
        self._groups = Groups()
        self._rows = PageRows(head, self._groups)
        self._filtered: dict[RowFilter, _FilteredTree] = {}
        self._sorting = Sorting(head.id, head.created_at)
        # What matches a text, among ids up to this one.
        self._found: dict[str, tuple[frozenset[int], int]] = {}
        self._newest = 0
        self._summary: Summary | None = None
        self._cause: int | None = None
        self._is_cause_known = True  # nothing has failed yet

    def __len__(self) -> int:
        return len(self._statuses)

    def page_from(
        self, first: int, count: int, row_filter: RowFilter = EVERYTHING, *, focus: str = "",
        anchor: tuple[str, int] | None = None,
    ) -> RunPage:  # fmt: skip
        """The window of about `count` rows from `first` on, and the row of the action with the focus. Raises NotFound.

        anchor: instead of `first`, the action that has so many rows of the window above it, if it shows.
        Two statements, and one for a focus elsewhere or an anchor; a few more when the filter is new, when rows are shown
        that were not or that are queued, or when the run is over.
        """
        with self._lock:
            self._refresh()
            filtered = self._apply_filter(row_filter)
            if anchor is not None:
                first = self._first_with(filtered, first, *anchor)
            return self._make_page(filtered, *window(len(filtered.layout), first, count), focus)

    def _first_with(self, filtered: _FilteredTree, first: int, name: str, above: int) -> int:
        """The first row of a window that has `above` rows above this action's; `first` when the action has no row of its own."""
        node = self._find_node(name)
        place = None if node is None else filtered.layout.place_of(node)
        return first if place is None or place.id != node else max(0, place.index - 1 - above)

    def summarise(self) -> tuple[int, Summary]:
        """The sequence number and the summary above the tree. Raises NotFound. One statement; up to two more when it changed."""
        with self._lock:
            self._refresh()
            if self._summary is None:
                self._summary = self._summarise()
            return self._seq, self._summary

    def list_live_matches(self, row_filter: RowFilter) -> list[int]:
        """The ids of the actions that match the filter and go on. The root is none of them. One statement, and those of a new filter."""
        with self._lock:
            self._refresh()
            return list(self._live(self._apply_filter(row_filter).matches))

    def _live(self, matches: Iterable[int] | None) -> Iterator[int]:
        return (
            node
            for node in matches or ()
            if self._statuses[node] in LIVE_STATUSES and self._tree.parent(node) is not None
        )

    def page_around(self, name: str, row_filter: RowFilter = EVERYTHING, *, focus: str = "") -> RunPage:
        """The window around an action's row, or from the top when it does not show. Raises NotFound."""
        with self._lock:
            self._refresh()
            filtered = self._apply_filter(row_filter)
            node = self._find_node(name)
            index = 0 if node is None else filtered.layout.index_of(node)
            return self._make_page(filtered, *window_around(len(filtered.layout), index), focus)

    def page_at_newest(
        self, first: int, count: int, row_filter: RowFilter = EVERYTHING, *, focus: str = ""
    ) -> RunPage:
        """The window around the newest running action that matches; as `page_from` when there is none. Raises NotFound."""
        with self._lock:
            self._refresh()
            filtered = self._apply_filter(row_filter)
            shown = self._statuses if filtered.matches is None else filtered.matches
            newest = max((node for node in shown if self._statuses[node] == "running"), default=None)
            if newest is None:
                return self._make_page(filtered, *window(len(filtered.layout), first, count), focus)
            return self._page_around(filtered, newest, focus)

    def page_at_failure(
        self,
        after: str,
        first: int,
        count: int,
        row_filter: RowFilter = EVERYTHING,
        *,
        back: bool,
        focus: str = "",
    ) -> RunPage:
        """The window around the next failure after this action's row; as `page_from` when nothing that matches failed.

        What only passes on the error of a child is left out, unless nothing else matches. Closed branches above it are open in the page that is returned. Raises NotFound.
        """
        with self._lock:
            self._refresh()
            filtered = self._apply_filter(row_filter)
            failed = self._failed if filtered.matches is None else self._failed & filtered.matches
            failed = self._without_passing_on(failed) or failed
            current = self._find_node(after) if after else None
            order = self._order(self._tree, row_filter, self._keys(row_filter))
            node = next_failure(self._tree, failed, current, back=back, order=order)
            return self._page_open_to(filtered, node, first, count, focus)

    def page_at_action(
        self, name: str, first: int, count: int, row_filter: RowFilter = EVERYTHING, *, focus: str = ""
    ) -> RunPage:
        """The window around this action's row; as `page_at_failure`, when it is there and matches."""
        with self._lock:
            self._refresh()
            filtered = self._apply_filter(row_filter)
            node = self._find_node(name)
            is_shown = node in (self._statuses if filtered.matches is None else filtered.matches)
            return self._page_open_to(filtered, node if is_shown else None, first, count, focus)

    def _page_open_to(
        self, filtered: _FilteredTree, node: int | None, first: int, count: int, focus: str
    ) -> RunPage:
        """The window around a node whose closed branches are open; from `first` on when there is none."""
        if node is None:
            return self._make_page(filtered, *window(len(filtered.layout), first, count), focus)
        opened, row_filter = self._closed_above(filtered, node), filtered.filter
        shown = (
            self._apply_filter(replace(row_filter, toggled=row_filter.toggled ^ opened))
            if opened
            else filtered
        )
        return replace(self._page_around(shown, node, focus), opened=opened)

    @property
    def _failed(self) -> set[int]:
        return {node for node, status in self._statuses.items() if status in FAILURES}

    def _without_passing_on(self, failed: set[int]) -> set[int]:
        """Those that failed by themselves. One statement where one with a failure below it is new, else none: an error does not change."""
        new = [node for node in failed if self._failures_below[node] and node not in self._passes_on]
        if new:
            found = find_passing_on(new)
            self._passes_on.update((node, node in found) for node in new)
        return {node for node in failed if not self._passes_on.get(node)}

    def _closed_above(self, filtered: _FilteredTree, node: int) -> frozenset[str]:
        closed = [one for one in self._tree.ancestors(node) if filtered.layout.is_closed(one)]
        self._rows.read([one for one in closed if one > 0])
        return frozenset(self._rows[one].name if one > 0 else name_of(one) for one in closed)

    def _find_node(self, name: str) -> int | None:
        """The node of an action or a group, if it is in the tree. One statement."""
        return self._find_nodes([name]).get(name)

    def _find_nodes(self, names: Collection[str]) -> dict[str, int]:
        groups = {name: node for name in names if (node := read_name(name)) is not None}
        actions = [name for name in names if name not in groups]
        found = (find_ids(self.head.id, actions) if actions else {}) | groups
        return {name: node for name, node in found.items() if node in self._tree}

    def _action_above(self, node: int) -> int | None:
        """The parent of an action or of a group."""
        above = self._tree.parent(node)
        return self._tree.parent(above) if above is not None and above < 0 else above

    def _page_around(self, filtered: _FilteredTree, node: int, focus: str) -> RunPage:
        index = filtered.layout.index_of(node)
        page = self._make_page(filtered, *window_around(len(filtered.layout), index), focus)
        return replace(page, goal=list(page.window.rows)[index - page.start])

    def _refresh(self) -> None:
        """Read what changed after `_seq`. Call it with the lock held, before anything is answered."""
        changed = list_changed_nodes(self.head.id, since=self._seq)
        if not changed:
            return
        structure = self._tree.structure
        if self._statuses:
            for node in changed:
                self._put(node)
        else:
            self._begin(changed)
        if self._tree.structure != structure:
            self._filtered.clear()
        else:
            self._filtered = {key: kept for key, kept in self._filtered.items() if not key.changes}
        self._seq = max(node.changed_seq for node in changed)
        self._newest = max(self._newest, changed[-1].id)
        self._summary = None

    def _begin(self, nodes: Sequence[Node]) -> None:
        """The same as `_put` of each node of a new snapshot, in a quarter of the time."""
        self._tree = Tree(self._groups.nodes(nodes))
        self._statuses = {node.id: status_of_bits(node.status_bits) for node in nodes}
        self._counts = Counter(self._statuses.values())
        self._asking = {node for node, status in self._statuses.items() if status == Phase.PAUSED.slug}
        self._is_cause_known = not any(self._counts[status] for status in FAILURES)
        for node_id, status in self._statuses.items():
            if status in FAILURES:
                self._failures_below.update(self._tree.ancestors(node_id))

    def _put(self, node: Node) -> None:
        status, old = status_of_bits(node.status_bits), self._statuses.get(node.id)
        self._rows.drop(node.id)
        above = self._groups.place(node)
        if old is None:
            if above is not None and above < 0:
                self._tree.add(above, node.parent_id)
            self._tree.add(node.id, above)
        if status == old:
            return
        self._statuses[node.id] = status
        self._counts[status] += 1
        (self._asking.add if status == Phase.PAUSED.slug else self._asking.discard)(node.id)
        if old is not None:
            self._counts[old] -= 1
        if status in FAILURES:
            self._is_cause_known = False
            self._failures_below.update(self._tree.ancestors(node.id))

    def _apply_filter(self, row_filter: RowFilter) -> _FilteredTree:
        """What a filter leaves of the tree, cached until a change may have changed it. One statement where it sorts, and something is new."""
        keys = self._keys(row_filter)
        version = keys.version if keys else 0
        filtered = self._filtered.get(row_filter)
        if filtered is None or filtered.version != version:
            if len(self._filtered) >= KEPT_FILTERS:
                self._filtered.clear()
            matches = self._matches(row_filter) if row_filter.is_filter else None
            shown = self._tree if matches is None else self._tree.kept(matches)
            toggled = set(self._find_nodes(row_filter.toggled).values()) if row_filter.toggled else set()
            closed = shown.below_level(row_filter.depth) ^ toggled
            layout = Layout(shown, closed, self._order(shown, row_filter, keys))
            filtered = self._filtered[row_filter] = _FilteredTree(row_filter, layout, matches, version)
        return filtered

    def _keys(self, row_filter: RowFilter) -> Keys | None:
        return self._sorting.keys(row_filter.sort, Now(self._seq, self._newest, self._statuses))

    @staticmethod
    def _order(tree: Tree, row_filter: RowFilter, keys: Keys | None) -> Order:
        return Order(tree, keys.of if keys else None, descending=row_filter.sort.is_descending)

    def _matches(self, row_filter: RowFilter) -> frozenset[int]:
        wanted = (row_filter.statuses or frozenset(STATUS_LABELS)) - (
            NOT_STARTED if row_filter.started else frozenset()
        )
        if not row_filter.text:
            return frozenset(node for node, status in self._statuses.items() if status in wanted)
        statuses = self._statuses
        return frozenset(node for node in self._find(row_filter.text) if statuses.get(node) in wanted)

    def _find(self, text: str) -> frozenset[int]:
        """What matches a text. Names and inputs never change, so only what is new is searched again."""
        found, upto = self._found.get(text, (frozenset(), 0))
        if upto < self._newest:
            if len(self._found) >= KEPT_FILTERS:
                self._found.clear()
            found = found.union(search(self.head.id, text, after=upto))
            self._found[text] = found, self._newest
        return found

    def _make_page(self, filtered: _FilteredTree, start: int, stop: int, focus: str = "") -> RunPage:
        places = filtered.layout.window(start, stop)
        shown, read = self._show(filtered, places)
        parents = {above for place in places if (above := self._action_above(place.id)) is not None}
        inputs = differing_inputs(self._rows[one] for one in parents)
        pin = None if not focus or focus in shown else self._pin(filtered, focus, shown)
        shown_rows = render.Window(shown, start, max(0, len(filtered.layout) - stop), pin)
        if self._summary is None:
            self._summary = self._summarise()
        matched = None if filtered.matches is None else len(filtered.matches)
        waits = any(row.waits for row in read)
        keys = self._keys(filtered.filter)
        settles = keys is not None and (keys.seq, keys.version) != (self._seq, filtered.version)
        return RunPage(
            filtered.filter, self._seq, start, len(filtered.layout), matched, shown_rows, self._summary, waits=waits,
            running=running_of(read), inputs=inputs, settles=settles, can_abort=any(self._live(filtered.matches)),
        )  # fmt: skip

    def _pin(self, filtered: _FilteredTree, focus: str, shown: Collection[str]) -> render.Pin | None:
        """The row with the focus, or of the closed branch that hides it; None when the window has it."""
        node = self._find_node(focus)
        place = None if node is None else filtered.layout.place_of(node)
        if place is None:
            return None
        ((name, html),) = self._show(filtered, [place], " data-pinned")[0].items()
        return None if name in shown else render.Pin(place.index - 1, name, html)

    def _show(
        self, filtered: _FilteredTree, places: Sequence[Place], more: str = ""
    ) -> tuple[dict[str, str], list[ActionRow]]:
        """The HTML of these rows by their names, and the rows of those that are actions."""
        ids = [place.id for place in places]
        actions = [one for one in ids if one > 0]
        parents = [above for one in ids if (above := self._action_above(one)) is not None]
        read = self._rows.with_reasons(actions, parents)
        groups = self._rows.groups([one for one in ids if one < 0], self._tree, self._statuses)
        rows = read | groups
        return {
            rows[place.id].name: self._html(place, rows[place.id], filtered.matches, more) for place in places
        }, list(read.values())

    def _html(
        self, place: Place, row: ActionRow | GroupRow, matches: frozenset[int] | None, more: str
    ) -> str:
        hidden = self._failures_below[place.id] if place.is_collapsed else 0
        is_context = matches is not None and place.id not in matches
        return render.render(
            row, place, self.head.created_at,
            hidden_failures=hidden, is_context=is_context, more=more,
        )  # fmt: skip

    def _summarise(self) -> Summary:
        if not (roots := self._tree.children(None)):
            raise NotFound(f"run {self.head.ref} has no root action")
        first = min(self._asking, default=None)
        self._rows.read(roots[:1] if first is None else [*roots[:1], first])
        root, asks = self._rows[roots[0]], None if first is None else self._rows[first]
        return summarise(self.head, root, self._counts, self._find_cause(), asks)

    def _find_cause(self) -> ActionRow | None:
        """Where the root's error was raised, else the first failure with none below it. A few statements after something has failed, else none."""
        if not self._is_cause_known:
            self._cause = find_raiser(self.head.id)
            if self._cause is None:
                by_end = list_failed_by_end(self.head.id)
                self._cause = first_cause(by_end, self._failed, self._failures_below.__getitem__)
            self._is_cause_known = True
        if self._cause is None:
            return None
        parent = self._action_above(self._cause)
        self._rows.read([self._cause] if parent is None else [self._cause, parent])
        return self._rows.told_apart(self._cause)
