"""What an abort would stop, before it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from runs.errors import NotFound
from runs.names import ActionRef
from runs.phases import HELD, TERMINAL, Phase
from runs.queries.rows import AbortMark, ActionRow, list_changed_rows
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


def _with_descendants(rows: dict[int, ActionRow], target: ActionRow) -> list[ActionRow]:
    tree = Tree()
    for row in rows.values():
        tree.add(row.id, row.parent_id)
    return [target, *(rows[node] for node in tree.descendants(target.id))]
