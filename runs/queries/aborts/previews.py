"""What an abort would stop: counts for the abort dialogs and for --dry-run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count

from runs.domain.errors import NotFound
from runs.domain.names import ROOT, ActionRef
from runs.domain.phases import HELD, LIVE, TERMINAL, Phase
from runs.domain.selections import MAX_SHOWN, Selection, check_found
from runs.engine.targets import list_selected
from runs.models import Action, Run
from runs.queries.aborts.marks import AbortMark
from runs.queries.rows import Node, get_rows, list_changed_nodes
from runs.queries.searches import find_ids


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


NOTHING = BulkPreview(running=0, waiting=0, finished=0, already_asked=0)


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
    """What an abort of the action would stop. Three statements, one of them over the run's nodes."""
    node = find_ids(run_id, [ref.name]).get(ref.name)
    target = get_rows([node]).get(node) if node is not None else None
    if target is None:
        raise NotFound(f"action {ref.name!r} does not exist in this run")
    return AbortPreview(
        label=target.label,
        name=target.name,
        is_whole_run=target.parent_id is None,
        phase=target.phase,
        asked=target.abort,
        counts=_count(_with_descendants(run_id, {target.id})),
    )


def preview_aborts(run_id: int, run: str, selection: Selection) -> BulkPreview:
    """What an abort of the selection would find, or NotFound as the abort itself. Two statements."""
    selected = list_selected(run_id, selection)
    check_found(selection, list(selected), run)
    return _count(_with_descendants(run_id, set(selected.values())))


@dataclass(frozen=True, slots=True)
class ActionPlace:
    """An action and its parent, for the sentence of the dialog."""

    label: str
    name: str
    parent_label: str
    parent: str


def get_place(run_id: int, name: str) -> ActionPlace:
    """Three statements. Raises NotFound."""
    node = find_ids(run_id, [name]).get(name)
    row = get_rows([node]).get(node) if node is not None else None
    if row is None:
        raise NotFound(f"action {name!r} does not exist in this run")
    above = get_rows([row.parent_id]).get(row.parent_id) if row.parent_id else None
    return ActionPlace(row.label, row.name, above.label if above else "", above.name if above else "")


def count_beside(run_id: int, name: str) -> int:
    """How many actions beside this one live and were not asked to stop. One statement; 0 when there is no such action."""
    parent = Action.objects.filter(run_id=run_id, name=name, parent_id__isnull=False).values("parent_id")
    beside = Action.objects.filter(run_id=run_id, parent_id__in=parent, phase__in=sorted(LIVE), abort=None)
    return beside.exclude(name=name).count()


def _with_descendants(run_id: int, reached: set[int]) -> list[Node]:
    found = []
    for node in list_changed_nodes(run_id, since=-1):  # by id, and a parent is older than its children
        if node.id in reached or node.parent_id in reached:
            reached.add(node.id)
            found.append(node)
    return found


def _count(nodes: list[Node]) -> BulkPreview:
    live = [node for node in nodes if node.phase not in TERMINAL]
    asked = sum(node.is_aborting for node in live)
    running = sum(node.phase in HELD and not node.is_aborting for node in live)
    return BulkPreview(running, len(live) - asked - running, len(nodes) - len(live), asked)


@dataclass(frozen=True, slots=True)
class RunsPreview:
    """What an abort of several runs would find: how many of them live, and the actions of all."""

    live: int
    ended: int
    counts: BulkPreview


def preview_runs(project: str, domain: str, names: Collection[str]) -> RunsPreview:
    """What an abort of these runs would find. Three statements. Raises NotFound with the names of those that are not there."""
    found = dict(
        Run.objects.filter(project__name=project, domain=domain, name__in=names).values_list("name", "pk")
    )
    if missing := sorted(set(names) - found.keys()):
        raise NotFound(
            f"there is no run {', '.join(missing[:MAX_SHOWN])} in project {project}, domain {domain}"
        )
    actions = Action.objects.filter(run__in=found.values())
    live = actions.filter(name=ROOT, phase__in=sorted(LIVE)).count()
    numbers: Counter[str] = Counter()
    for phase, count, asked in actions.values_list("phase").annotate(n=Count("pk"), asked=Count("abort")):
        if phase in TERMINAL:
            numbers["finished"] += count
        else:
            numbers["already_asked"] += asked
            numbers["running" if phase in HELD else "waiting"] += count - asked
    counts = BulkPreview(*(numbers[field] for field in ("running", "waiting", "finished", "already_asked")))
    return RunsPreview(live, len(found) - live, counts)
