"""What an abort would stop, before it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from runs.errors import NotFound
from runs.names import ActionRef
from runs.phases import HELD, TERMINAL, Phase
from runs.queries.rows import AbortMark, ActionRow, list_changed_rows
from runs.selections import Selection, check_found


@dataclass(frozen=True, slots=True)
class BulkPreview:
    """What an abort would find among the selected actions and everything below them."""

    running: int
    waiting: int
    finished: int
    already_asked: int

    @property
    def can_stop(self) -> bool:
        return self.running + self.waiting > 0


@dataclass(frozen=True, slots=True)
class AbortPreview:
    """What an abort of one action would stop: it, and everything below it."""

    label: str
    name: str
    is_whole_run: bool
    phase: Phase
    asked: AbortMark | None
    counts: BulkPreview

    @property
    def is_terminal(self) -> bool:
        return self.phase in TERMINAL


def preview_abort(run_id: int, ref: ActionRef) -> AbortPreview:
    """What an abort of the action would stop. One statement over the run's rows."""
    rows = list_changed_rows(run_id, since=-1)
    target = next((row for row in rows if row.name == ref.name), None)
    if target is None:
        raise NotFound(f"action {ref.name!r} does not exist in this run")
    return AbortPreview(
        label=target.label,
        name=target.name,
        is_whole_run=target.parent_id is None,
        phase=target.phase,
        asked=target.abort,
        counts=_count(_with_descendants(rows, [target])),
    )


def preview_aborts(run_id: int, run: str, selection: Selection) -> BulkPreview:
    """What an abort of the selection would find, or NotFound as the abort itself. One statement over the run's rows."""
    rows = list_changed_rows(run_id, since=-1)
    selected = [row for row in rows if _is_selected(row, selection)]
    check_found(selection, [row.name for row in selected], run)
    return _count(_with_descendants(rows, selected))


def _is_selected(row: ActionRow, selection: Selection) -> bool:
    if selection.names:
        return row.name in selection.names
    if row.parent_id is None:
        return False
    return row.group == selection.group if selection.phase is None else row.phase is selection.phase


def _with_descendants(rows: list[ActionRow], selected: list[ActionRow]) -> list[ActionRow]:
    reached = {row.id for row in selected}
    for row in rows:  # by id, and a parent is older than its children
        if row.parent_id in reached:
            reached.add(row.id)
    return [row for row in rows if row.id in reached]


def _count(rows: list[ActionRow]) -> BulkPreview:
    live = [row for row in rows if not row.is_terminal]
    asked = sum(row.is_aborting for row in live)
    running = sum(row.phase in HELD and not row.is_aborting for row in live)
    return BulkPreview(running, len(live) - asked - running, len(rows) - len(live), asked)
