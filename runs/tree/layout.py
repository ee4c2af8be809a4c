"""The tree of a run as rows: order, levels, windows. Pure: works on ids and parents.

Ids grow with creation, so a parent has a lower id than its children. Siblings come in this order, or in that of keys. A negative
id is a group's (runs/tree/groups.py): minus that of its first member, in whose place it comes. A tree of 100,000 nodes is never laid out whole:
each node knows how many are below it, and a window is found by going down from the root.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, islice
from typing import Any

from runs.protocol.constants import WINDOW_ROWS

# A tree of so many rows is sent whole; a longer one is sent as a window around the scroll position.
WHOLE_UP_TO = 300


def _age(node: int) -> tuple[int, int]:
    """Sorts as nodes were created; a group comes before its first member."""
    return abs(node), node


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a row, as ARIA counts: level, position and index begin at 1. parent_index: of its parent, 0 at the top."""

    id: int
    index: int
    level: int
    position: int
    set_size: int
    is_expanded: bool | None  # None: it has no children
    parent_index: int = field(default=0, compare=False)

    @property
    def is_collapsed(self) -> bool:
        return self.is_expanded is False


class Tree:
    """Ids and their children, in order of id, which is the order of creation. `structure` grows with each addition."""

    def __init__(self, nodes: Iterable[tuple[int, int | None]] = ()) -> None:
        """Nodes with their parents, in order of id; each parent is among them."""
        self.structure = 0
        self._parents: dict[int, int | None] = dict(nodes)
        self._children: dict[int | None, list[int]] = {}
        self._below: dict[int, int] = {}
        for node, parent in self._parents.items():
            if (siblings := self._children.get(parent)) is None:
                self._children[parent] = [node]
            else:
                siblings.append(node)
        for node in reversed(self._parents):
            if (above := self._parents[node]) is not None:
                self._below[above] = self._below.get(above, 0) + self._below.get(node, 0) + 1

    def __len__(self) -> int:
        return len(self._parents)

    def __contains__(self, node: int) -> bool:
        return node in self._parents

    def add(self, node: int, parent: int | None) -> bool:
        """Add a node; adding it again changes nothing. Return whether it was new."""
        if node in self._parents:
            return False
        self._parents[node] = parent
        insort(self._children.setdefault(parent, []), node, key=abs)
        for above in self.ancestors(node):
            self._below[above] = self._below.get(above, 0) + 1
        self.structure += 1
        return True

    def parent(self, node: int) -> int | None:
        return self._parents[node]

    def children(self, node: int | None) -> list[int]:
        """In order; do not change it."""
        return self._children.get(node, [])

    def count_below(self, node: int) -> int:
        """How many nodes are below it."""
        return self._below.get(node, 0)

    def ancestors(self, node: int) -> Iterator[int]:
        """The parent, its parent, and so on."""
        above = self._parents.get(node)
        while above is not None:
            yield above
            above = self._parents.get(above)

    def descendants(self, node: int) -> Iterator[int]:
        """Everything below the node, parents before their children."""
        rest = list(self._children.get(node, ()))
        while rest:
            child = rest.pop()
            yield child
            rest.extend(self._children.get(child, ()))

    def below_level(self, depth: int) -> set[int]:
        """The branches that are closed when only so many levels are open; none when depth is 0."""
        if not depth:
            return set()
        return {node for node in self._below if 1 + sum(1 for _ in self.ancestors(node)) >= depth}

    def kept(self, nodes: Iterable[int]) -> Tree:
        """The tree of these nodes and all that are above them."""
        wanted: set[int] = set()
        for node in nodes:
            above: int | None = node
            while above is not None and above not in wanted:
                wanted.add(above)
                above = self._parents[above]
        return Tree((node, self._parents[node]) for node in sorted(wanted, key=_age))


class Order:
    """In which order siblings come: by their keys, then by id; those without a key are the last. Without keys, by id.

    A group has the key of that of its members that comes first.

    It holds for the structure and the keys that it was made for. Only those are sorted that somebody asks for.
    """

    def __init__(
        self, tree: Tree, keys: Mapping[int, Any] | None = None, *, descending: bool = False
    ) -> None:
        self._tree = tree
        self._keys = keys
        self._descending = descending
        self._is_by_id = keys is None and not descending
        self._sorted: dict[int | None, list[int]] = {}
        self._places: dict[int | None, dict[int, int]] = {}

    def children(self, node: int | None) -> list[int]:
        """Do not change it."""
        siblings = self._tree.children(node)
        if self._is_by_id or len(siblings) < 2:
            return siblings
        if (ordered := self._sorted.get(node)) is None:
            ordered = self._sorted[node] = self._sort(siblings)
        return ordered

    def _sort(self, siblings: list[int]) -> list[int]:
        if (keys := self._keys) is None:
            return siblings[::-1]
        found = {one: self._key_of_group(one, keys) for one in siblings if one < 0}
        known: Mapping[int, Any] = {one: keys.get(one) for one in siblings} | found if found else keys
        having = [one for one in siblings if known.get(one) is not None]
        having.sort(key=known.__getitem__, reverse=self._descending)
        if len(having) == len(siblings):
            return having
        return [*having, *(one for one in siblings if known.get(one) is None)]

    def _key_of_group(self, group: int, keys: Mapping[int, Any]) -> Any:
        found = [keys[one] for one in self._tree.children(group) if one in keys]
        return (max if self._descending else min)(found, default=None)

    def position(self, node: int) -> int:
        """Among its siblings, from 0."""
        above = self._tree.parent(node)
        siblings = self.children(above)
        if self._is_by_id or len(siblings) < 2:
            return bisect_left(siblings, abs(node), key=abs)
        if (places := self._places.get(above)) is None:
            places = self._places[above] = {one: at for at, one in enumerate(siblings)}
        return places[node]


class Layout:
    """The rows of a tree that show when some branches are closed. It holds for the structure and the order that it was made for."""

    def __init__(self, tree: Tree, collapsed: Collection[int] = (), order: Order | None = None) -> None:
        self._tree = tree
        self._order = order or Order(tree)
        self._collapsed = frozenset(node for node in collapsed if tree.count_below(node))
        self._hidden: dict[int, int] = {}
        self._ends: dict[int | None, list[int]] = {}
        for node in self._collapsed:
            if not any(above in self._collapsed for above in tree.ancestors(node)):
                closed = tree.count_below(node)
                for one in (node, *tree.ancestors(node)):
                    self._hidden[one] = self._hidden.get(one, 0) + closed

    def __len__(self) -> int:
        roots = self._tree.children(None)
        return self._ends_of(None)[-1] if roots else 0

    def is_closed(self, node: int) -> bool:
        return node in self._collapsed

    def index_of(self, node: int) -> int:
        """The 0-based row of a node, or of the closed branch that hides it; 0 when it is not in the tree."""
        if node not in self._tree:
            return 0
        path = [node, *self._tree.ancestors(node)]
        path.reverse()
        index = 0
        for depth, one in enumerate(path):
            above = path[depth - 1] if depth else None
            at = self._order.position(one)
            index += (self._ends_of(above)[at - 1] if at else 0) + (depth > 0)
            if one in self._collapsed:
                break
        return index

    def place_of(self, node: int) -> Place | None:
        """The row of a node, or of the closed branch that hides it; None when it is not in the tree."""
        if node not in self._tree:
            return None
        index = self.index_of(node)
        return self.window(index, index + 1)[0]

    def window(self, start: int, stop: int) -> list[Place]:
        """The rows [start, stop)."""
        return list(islice(self._from(start), max(0, stop - start)))

    def _from(self, start: int) -> Iterator[Place]:
        """All rows from `start` on: down to the first one by counting, and from there in order."""
        # Whose children are shown, which of them is next, and the index of the row that has them.
        stack: list[tuple[int | None, int, int]] = []
        owner = 0
        above: int | None = None
        rest = start
        while self._tree.children(above):
            ends = self._ends_of(above)
            at = bisect_right(ends, rest)
            if at == len(ends):
                break
            stack.append((above, at, owner))
            rest -= ends[at - 1] if at else 0
            if not rest:
                break
            # The row is below this child, so it counts as shown, and its parent goes on after it.
            stack[-1] = above, at + 1, owner
            owner = start - rest + 1
            above, rest = self._order.children(above)[at], rest - 1
        index = start
        while stack:
            above, at, owner = stack.pop()
            siblings = self._order.children(above)
            if at >= len(siblings):
                continue
            stack.append((above, at + 1, owner))
            node = siblings[at]
            index += 1
            is_expanded = None if not self._tree.count_below(node) else node not in self._collapsed
            yield Place(node, index, len(stack), at + 1, len(siblings), is_expanded, owner)
            if is_expanded:
                stack.append((node, 0, index))

    def _ends_of(self, above: int | None) -> list[int]:
        """After how many rows, counted from the first child on, each child's branch ends."""
        if (ends := self._ends.get(above)) is None:
            below, hidden = self._tree.count_below, self._hidden
            sizes = (1 + below(node) - hidden.get(node, 0) for node in self._order.children(above))
            ends = self._ends[above] = list(accumulate(sizes))
        return ends


def window(total: int, first: int, count: int) -> tuple[int, int]:
    """The rows to send, as [start, stop), when a client asks for `count` rows from `first` of `total`."""
    if total <= WHOLE_UP_TO:
        return 0, total
    count = min(max(count, 1), WINDOW_ROWS)
    start = min(max(first, 0), total - count)
    return start, start + count


def window_around(total: int, index: int) -> tuple[int, int]:
    """The window that has the row with this 0-based index in its middle."""
    return window(total, index - WINDOW_ROWS // 2, WINDOW_ROWS)
