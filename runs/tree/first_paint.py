"""The first paint of a long run that no snapshot has yet: its first rows and its counts, as its snapshot would give them.

To read 100,000 actions takes longer than a page may wait. The snapshot is made right after, by the feed of the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from django.db import transaction

from runs.domain.errors import NotFound
from runs.domain.phases import Phase
from runs.queries.attempts import with_attempts
from runs.queries.failures.causes import find_cause
from runs.queries.long_runs import (
    count_by_status,
    count_children,
    find_first_paused,
    list_children,
    measure,
)
from runs.queries.rows import ActionRow, get_rows, told_apart
from runs.queries.runs import RunHead
from runs.queries.waits import with_reasons
from runs.tree import layout, render
from runs.tree.filter import EVERYTHING
from runs.tree.page import RunPage, differing_inputs, running_of, summarise

FEWEST = 5000  # a shorter run is read as fast


def read_first_paint(head: RunHead, *, fewest: int = FEWEST) -> RunPage | None:
    """The page of a run from its top, all of one moment; None when the run is short. Raises NotFound.

    Twelve statements, one more for each level through which the error of the root came and one for where it came from, one more when it is over, one for the parent of what failed first, one when something waits for an answer, two more when something is queued, and two for each branch among the first rows.
    """
    with transaction.atomic():
        total, seq = measure(head.id)
        if total < fewest:
            return None
        if not (roots := list_children(head.id, None, 1)):
            raise NotFound(f"run {head.ref} has no root action")
        start, stop = layout.window_around(total, 0)
        places = list(islice(_walk(head.id, roots[0], stop), stop))
        cause = find_cause(head.id)
        counts = count_by_status(head.id)
        asks = find_first_paused(head.id) if counts[Phase.PAUSED.slug] else None
        also = [one for one in (cause, asks) if one is not None]
        read = with_reasons(with_attempts(get_rows([*(place.id for place in places), *also])))
        summary = summarise(
            head,
            read[roots[0]],
            counts,
            None if cause is None else _apart(read[cause], read),
            None if asks is None else read[asks],
        )
    # From the top on, a row's parent is above it.
    parents = {read[place.id].parent_id for place in places} - {None}
    rows = (told_apart(read[place.id], read) for place in places)
    shown = {
        row.name: render.render(row, place, head.created_at) for row, place in zip(rows, places, strict=True)
    }
    window = render.Window(shown, start, max(0, total - stop))
    waits = any(read[place.id].waits for place in places)
    inputs = differing_inputs(read[one] for one in parents if one is not None)
    running = running_of(read[place.id] for place in places)
    return RunPage(
        EVERYTHING, seq, start, total, None, window, summary, waits=waits, running=running, inputs=inputs
    )


def _apart(row: ActionRow, read: dict[int, ActionRow]) -> ActionRow:
    """The row with what tells it from its siblings. One statement when its parent was not read."""
    parent = row.parent_id
    return told_apart(row, read if parent is None or parent in read else get_rows([parent]))


def _walk(run_id: int, root: int, most: int) -> Iterator[layout.Place]:
    """The first rows of the tree, in order: down into each branch as it comes."""
    counts = count_children([root])
    index = 1
    yield layout.Place(root, index, 1, 1, 1, True if root in counts else None)
    stack = [_children(run_id, root, counts.get(root, 0), index, most)]
    while stack:
        child = next(stack[-1], None)
        if child is None:
            stack.pop()
            continue
        node, position, set_size, owner, below = child
        index += 1
        yield layout.Place(node, index, len(stack) + 1, position, set_size, True if below else None, owner)
        if below:
            stack.append(_children(run_id, node, below, index, most))


def _children(
    run_id: int, node: int, number: int, index: int, most: int
) -> Iterator[tuple[int, int, int, int, int]]:
    """Each child: its id, its position of how many, the index of its parent, how many children it has itself."""
    children = list_children(run_id, node, most) if number else []
    counts = count_children(children) if children else {}
    for position, child in enumerate(children, 1):
        yield child, position, number, index, counts.get(child, 0)
