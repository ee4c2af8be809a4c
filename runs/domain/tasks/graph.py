"""A run folded into its tasks: each once, below the task that calls it most, with what else calls it. Pure of the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from runs.domain.phases import Kind, Phase

MAX_DEPTH = 20  # what is deeper stands at this depth
MAX_CALLERS = 8  # that are named

Key = tuple[int, str]  # kind, and the name of the task, trace or condition


@dataclass(frozen=True, slots=True)
class Calls:
    """So many actions of a task in one phase that actions of one other have called. parent: None of the root."""

    parent: Key | None
    child: Key
    label: str
    phase: Phase
    number: int
    total_ms: int = 0
    longest_ms: int = 0


@dataclass(frozen=True, slots=True)
class Caller:
    """What else calls a task, and how often."""

    key: Key
    label: str
    number: int


@dataclass(frozen=True, slots=True)
class TaskNode:
    """calls: how often the task above it has called it; others: what else calls it; closes: how many lists end behind it."""

    key: Key
    label: str
    number: int
    calls: int
    phases: Mapping[Phase, int]
    total_ms: int
    longest_ms: int
    depth: int = 0
    others: tuple[Caller, ...] = ()
    has_children: bool = False
    closes: int = 0

    @property
    def kind(self) -> str:
        return Kind(self.key[0]).name.lower()

    @property
    def name(self) -> str:
        return self.key[1]

    @property
    def closing(self) -> range:
        """One turn of a template's loop for each list that ends."""
        return range(self.closes)


@dataclass(slots=True)
class _Sum:
    """What is known of a task so far."""

    label: str
    number: int = 0
    total_ms: int = 0
    longest_ms: int = 0
    is_root: bool = False
    phases: Counter[Phase] = field(default_factory=Counter)
    callers: Counter[Key] = field(default_factory=Counter)


def fold(calls: Iterable[Calls], most: int) -> tuple[tuple[TaskNode, ...], int]:
    """The tasks in the order in which they are drawn, and how many more there are than `most`."""
    sums = _summed(calls)
    largest = sorted(sums, key=lambda key: (not sums[key].is_root, -sums[key].number, key))
    kept = {key: sums[key] for key in largest[:most]}
    above = _place(kept)
    below: dict[Key | None, list[Key]] = {}
    for key, parent in above.items():
        below.setdefault(parent, []).append(key)
    drawn = [
        _node(key, depth, above[key], kept, has_children=bool(below.get(key)))
        for key, depth in _in_order(below)
    ]
    return _closed(drawn), len(sums) - len(kept)


def _summed(calls: Iterable[Calls]) -> dict[Key, _Sum]:
    sums: dict[Key, _Sum] = {}
    for one in calls:
        found = sums.setdefault(one.child, _Sum(one.label))
        found.number += one.number
        found.total_ms += one.total_ms
        found.longest_ms = max(found.longest_ms, one.longest_ms)
        found.phases[one.phase] += one.number
        if one.parent is None:
            found.is_root = True
        else:
            found.callers[one.parent] += one.number
    return sums


def _place(sums: Mapping[Key, _Sum]) -> dict[Key, Key | None]:
    """Below which other one each task stands: the one that calls it most, unless that stands below the task itself."""
    above = _reach(sums)
    for key, one in sums.items():
        most = max(
            (caller for caller in one.callers if caller in sums), key=one.callers.__getitem__, default=None
        )
        if most is not None and above[key] is not None and not _is_below(most, key, above):
            above[key] = most
    return above


def _is_below(one: Key | None, other: Key, above: Mapping[Key, Key | None]) -> bool:
    """Whether it stands below the other, or is it."""
    while one is not None and one != other:
        one = above[one]
    return one is not None


def _reach(sums: Mapping[Key, _Sum]) -> dict[Key, Key | None]:
    """Breadth first from the root, so that a recursion ends. Those out of reach stand beside it."""
    called: dict[Key, list[Key]] = {}
    for key, one in sums.items():
        for caller in one.callers:
            called.setdefault(caller, []).append(key)
    above: dict[Key, Key | None] = {}
    for start in sorted(sums, key=lambda key: not sums[key].is_root):
        level = [] if start in above else [start]
        above.setdefault(start, None)
        while level:
            reached = {child: key for key in level for child in called.get(key, ()) if child not in above}
            above.update(reached)
            level = list(reached)
    return above


def _in_order(below: Mapping[Key | None, list[Key]]) -> Iterable[tuple[Key, int]]:
    """Depth first, without recursion."""
    waiting = [(key, 0) for key in reversed(below.get(None, []))]
    while waiting:
        key, depth = waiting.pop()
        yield key, depth
        waiting += [(child, depth + 1) for child in reversed(below.get(key, []))]


def _node(
    key: Key, depth: int, parent: Key | None, sums: Mapping[Key, _Sum], *, has_children: bool
) -> TaskNode:
    one = sums[key]
    others = tuple(
        Caller(caller, sums[caller].label, number)
        for caller, number in one.callers.most_common()
        if caller != parent and caller in sums
    )
    return TaskNode(
        key, one.label, one.number, one.callers[parent] if parent else 0, one.phases, one.total_ms, one.longest_ms,
        min(depth, MAX_DEPTH), others[:MAX_CALLERS], has_children and depth < MAX_DEPTH,
    )  # fmt: skip


def _closed(drawn: list[TaskNode]) -> tuple[TaskNode, ...]:
    """Each with the number of lists that end behind it."""
    depths = [*(node.depth for node in drawn[1:]), 0]
    return tuple(
        replace(node, closes=max(0, node.depth - following))
        for node, following in zip(drawn, depths, strict=False)
    )
