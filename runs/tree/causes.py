"""The next failure in the order of rows, and the first cause of a run's failures. Pure; works on ids."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from runs.tree.layout import Order, Tree


def next_failure(
    tree: Tree, failed: Collection[int], current: int | None, *, back: bool, order: Order | None = None
) -> int | None:
    """The failed node after the current one in the order of rows, or before it; round the end. None when nothing failed.

    current: None begins above the first row, or below the last one when `back`.
    """
    if not failed:
        return None
    order = order or Order(tree)
    pick = max if back else min
    ordered = {_place(tree, order, node): node for node in failed}
    here = () if current is None else _place(tree, order, current)
    beyond = (
        [place for place in ordered if (place < here if back else place > here)] if here or not back else []
    )
    return ordered[pick(beyond or ordered)]


def _place(tree: Tree, order: Order, node: int) -> tuple[int, ...]:
    """Sorts as the rows do: parents before their children, and these in their order."""
    return tuple(map(order.position, (*reversed(list(tree.ancestors(node))), node)))


def first_cause(
    by_end: Iterable[int], failed: Collection[int], failures_below: Callable[[int], int]
) -> int | None:
    """The first of these nodes, which come by their end, that failed while nothing below it did."""
    return next((node for node in by_end if node in failed and not failures_below(node)), None)
