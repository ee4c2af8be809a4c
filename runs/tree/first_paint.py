"""The first paint of a long run that no snapshot has yet: its first rows and its counts, as its snapshot would give them.

To read 100,000 actions takes longer than a page may wait. The snapshot is made right after, by the feed of the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from django.db import transaction

from runs.domain.errors import NotFound
from runs.domain.phases import Phase
from runs.queries.attempts import with_attempts
from runs.queries.failures.causes import find_cause
from runs.queries.long_runs import (
    count_by_status,
    count_children,
    find_first_paused,
    find_root,
    list_children,
    measure,
)
from runs.queries.rows import ActionRow, get_rows, told_apart
from runs.queries.runs import RunHead
from runs.queries.tree.groups import count_groups, count_statuses, list_group_times, list_groups
from runs.queries.waits import with_reasons
from runs.tree import layout, render
from runs.tree.filter import EVERYTHING
from runs.tree.groups import GroupRow, Key
from runs.tree.page import RunPage, differing_inputs, running_of, summarise
from runs.tree.page_rows import group_row

FEWEST = 5000  # a shorter run is read as fast


def read_first_paint(head: RunHead, *, fewest: int = FEWEST) -> RunPage | None:
    """The page of a run from its top, all of one moment; None when the run is short. Raises NotFound.

    Thirteen statements, one more for each level through which the error of the root came and one for where it came from, one more when it is over, one for the parent of what failed first, one when something waits for an answer, two more when something is queued, and two for each branch among the first rows: three where the run has groups, each of which takes three more.
    """
    with transaction.atomic():
        total, seq = measure(head.id)
        if total < fewest:
            return None
        if (root := find_root(head.id)) is None:
            raise NotFound(f"run {head.ref} has no root action")
        grouped = count_groups(head.id)
        total += grouped
        start, stop = layout.window_around(total, 0)
        walk = _Walk(head.id, stop, has_groups=grouped > 0)
        places = list(islice(walk.rows(root), stop))
        actions = [place.id for place in places if place.id > 0]
        cause = find_cause(head.id)
        counts = count_by_status(head.id)
        asks = find_first_paused(head.id) if counts[Phase.PAUSED.slug] else None
        also = [one for one in (cause, asks) if one is not None]
        read = with_reasons(with_attempts(get_rows([*actions, *also])))
        summary = summarise(
            head,
            read[root],
            counts,
            None if cause is None else _apart(read[cause], read),
            None if asks is None else read[asks],
        )
        groups = _read_groups(head.id, [place.id for place in places if place.id < 0], walk.groups, read)
    # From the top on, a row's parent is above it.
    rows = {one: told_apart(read[one], read) for one in actions} | groups
    shown = {rows[place.id].name: render.render(rows[place.id], place, head.created_at) for place in places}
    window = render.Window(shown, start, max(0, total - stop))
    parents = {above for one in actions if (above := read[one].parent_id) is not None}
    parents |= {walk.groups[one][0] for one in groups}
    return RunPage(
        EVERYTHING, seq, start, total, None, window, summary, waits=any(read[one].waits for one in actions),
        running=running_of(map(read.__getitem__, actions)), inputs=differing_inputs(map(read.__getitem__, parents)),
    )  # fmt: skip


def _read_groups(
    run_id: int, nodes: list[int], keys: Mapping[int, Key], read: Mapping[int, ActionRow]
) -> dict[int, GroupRow]:
    """The rows of these groups. One statement for all, and one for each."""
    times = list_group_times(run_id, [keys[node] for node in nodes])
    return {
        node: group_row(
            node,
            keys[node][1],
            read[keys[node][0]].name,
            count_statuses(run_id, *keys[node]),
            times[keys[node]],
        )
        for node in nodes
    }


def _apart(row: ActionRow, read: dict[int, ActionRow]) -> ActionRow:
    """The row with what tells it from its siblings. One statement when its parent was not read."""
    parent = row.parent_id
    return told_apart(row, read if parent is None or parent in read else get_rows([parent]))


class _Node(NamedTuple):
    """A node whose place is to come: an action or a group, with how many are below it, directly."""

    id: int
    below: int


class _Walk:
    """The first rows of the tree, in order: down into each branch as it comes. groups: those that it met."""

    def __init__(self, run_id: int, most: int, *, has_groups: bool) -> None:
        self.groups: dict[int, Key] = {}
        self._run_id = run_id
        self._most = most
        self._has_groups = has_groups
        self._members: dict[int, int] = {}  # how many each group has

    def rows(self, root: int) -> Iterator[layout.Place]:
        below = count_children([root]).get(root, 0)
        index = 1
        yield layout.Place(root, index, 1, 1, 1, True if below else None)
        stack = [self._below(_Node(root, below), index)]
        while stack:
            child = next(stack[-1], None)
            if child is None:
                stack.pop()
                continue
            node, position, set_size, owner = child
            index += 1
            is_expanded = True if node.below else None
            yield layout.Place(node.id, index, len(stack) + 1, position, set_size, is_expanded, owner)
            if node.below:
                stack.append(self._below(node, index))

    def _below(self, node: _Node, index: int) -> Iterator[tuple[_Node, int, int, int]]:
        """Each child: the node, its position of how many, the index of what is above it."""
        found, number = self._list(node) if node.below else ([], 0)
        counts = count_children([one for one in found if one > 0]) if found else {}
        for position, child in enumerate(found, 1):
            below = self._members[child] if child < 0 else counts.get(child, 0)
            yield _Node(child, below), position, number, index

    def _list(self, node: _Node) -> tuple[list[int], int]:
        """The first nodes below this one, and how many there are."""
        if node.id < 0:
            return list_children(self._run_id, *self.groups[node.id], most=self._most), node.below
        groups = list_groups(self._run_id, node.id) if self._has_groups else {}
        grouped = sum(number for _, number in groups.values())
        self._members |= {-first: number for first, number in groups.values()}
        self.groups |= {-first: (node.id, name) for name, (first, _) in groups.items()}
        alone = list_children(self._run_id, node.id, "", most=self._most) if grouped < node.below else []
        found = sorted([*alone, *(-first for first, _ in groups.values())], key=abs)
        return found[: self._most], node.below - grouped + len(groups)
