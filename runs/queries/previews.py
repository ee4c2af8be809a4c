"""What an abort would stop, before it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from runs.errors import NotFound
from runs.names import ActionRef
from runs.phases import HELD, TERMINAL, Phase
from runs.queries.rows import AbortMark, ActionRow, list_changed_rows
from runs.selections import Selection, check_found
from runs.tree import Tree


@dataclass(frozen=True, slots=True)
class AbortPreview:
    """What an abort would stop: the action and everything below it."""

    label: str
    name: str
    is_whole_run: bool
    phase: Phase
    asked: AbortMark | None
    running: int
    waiting: int

    @property
    def is_terminal(self) -> bool:
        return self.phase in TERMINAL


@dataclass(frozen=True, slots=True)
class BulkPreview:
    """What a bulk abort would find among the selected actions and everything below them."""

    running: int
    waiting: int
    finished: int
    already_asked: int


def count_live(rows: list[ActionRow]) -> tuple[int, int]:
    """How many of the rows an executor holds, and how many wait, leaving out what was asked to stop already."""
    live = [row for row in rows if not row.is_terminal and row.abort is None]
    running = sum(row.phase in HELD for row in live)
    return running, len(live) - running


def preview_abort(run_id: int, ref: ActionRef) -> AbortPreview:
    """What an abort of the action would stop. One statement over the run's rows."""
    rows = {row.id: row for row in list_changed_rows(run_id, since=-1)}
    target = next((row for row in rows.values() if row.name == ref.name), None)
    if target is None:
        raise NotFound(f"action {ref.name!r} does not exist in this run")
    running, waiting = count_live(_with_descendants(rows, target))
    return AbortPreview(
        label=target.label,
        name=target.name,
        is_whole_run=target.parent_id is None,
        phase=target.phase,
        asked=target.abort,
        running=running,
        waiting=waiting,
    )


def preview_aborts(run_id: int, run: str, selection: Selection) -> BulkPreview:
    """What an abort of the selection would find, or NotFound as the abort itself. One statement over the run's rows."""
    rows = list_changed_rows(run_id, since=-1)
    selected = [row for row in rows if _is_selected(row, selection)]
    check_found(selection, [row.name for row in selected], run)
    reached = {row.id for row in selected}
    for row in rows:  # by id, and a parent is older than its children
        if row.parent_id in reached:
            reached.add(row.id)
    scope = [row for row in rows if row.id in reached]
    running, waiting = count_live(scope)
    finished = sum(row.is_terminal for row in scope)
    return BulkPreview(running, waiting, finished, sum(row.is_aborting for row in scope))


def _is_selected(row: ActionRow, selection: Selection) -> bool:
    if selection.names:
        return row.name in selection.names
    if row.parent_id is None:
        return False
    return row.group == selection.group if selection.phase is None else row.phase is selection.phase


def _with_descendants(rows: dict[int, ActionRow], target: ActionRow) -> list[ActionRow]:
    tree = Tree()
    for row in rows.values():
        tree.add(row.id, row.parent_id)
    return [target, *(rows[node] for node in tree.descendants(target.id))]
