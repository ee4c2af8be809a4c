"""One run as a whole: what its page needs of it, and the runs before and after it. run_list.py lists runs, rows.py reads actions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from flyteidl2.task import run_pb2

from runs.domain.addresses.pages import run_path
from runs.domain.errors import NotFound
from runs.domain.names import ROOT, RunRef
from runs.domain.phases import LABELS, Phase
from runs.domain.status import NEEDS_ANSWER
from runs.engine.targets import missing_run
from runs.models import Action, Project, Run
from runs.queries.rows import ROW_FIELDS, to_row

MAX_RERUNS = 5  # that a page names
# What a run is of the one that it is related to.
RELATIONS = {"rerun": "Rerun of", "recover": "Rerun, with what succeeded, of", "spawn": "Started by"}


@dataclass(frozen=True, slots=True)
class RunHead:
    """What stays the same while a run lasts."""

    id: int
    ref: RunRef
    created_by: str
    created_at: datetime
    labels: tuple[tuple[str, str], ...]
    logs_deleted_at: datetime | None = None

    @property
    def path(self) -> str:
        return run_path(self.ref)


@dataclass(frozen=True, slots=True)
class RelatedRun:
    """A run that is named on the page of another one. path, status: "" when it was deleted."""

    name: str
    path: str = ""
    status: str = ""
    status_label: str = ""


@dataclass(frozen=True, slots=True)
class Relations:
    """words: what the run is of `source`; reruns: the newest ones of it, of which there are `more`."""

    words: str = ""
    source: RelatedRun | None = None
    reruns: tuple[RelatedRun, ...] = ()
    more: int = 0


def get_relations(head: RunHead) -> Relations:
    """Of what it is a rerun, and its reruns. Two statements; one more for what it was made of, one for how many more there are."""
    kind, related_id, spec = Run.objects.values_list("relation", "related_to", "spec").get(pk=head.id)
    found = list(_related(related_to=head.id, relation__in=("rerun", "recover"))[: MAX_RERUNS + 1])
    more = 0
    if len(found) > MAX_RERUNS:
        reruns = Run.objects.filter(related_to=head.id, relation__in=("rerun", "recover"))
        more = reruns.count() - MAX_RERUNS
    source = None
    if kind in RELATIONS:
        name = run_pb2.RunSpec.FromString(bytes(spec)).relation.related_to.name
        rows = _related(pk=related_id) if related_id else ()
        source = next((_related_run(*row) for row in rows), RelatedRun(name) if name else None)
    return Relations(
        RELATIONS.get(kind, "") if source else "",
        source,
        tuple(_related_run(*row) for row in found[:MAX_RERUNS]),
        more,
    )


def _related(**which: Any) -> QuerySet[Run, tuple[str, str, str, int]]:
    """Project, domain, name and phase of runs, the newest first."""
    root = Action.objects.filter(run=OuterRef("pk"), parent=None).values("phase")[:1]
    runs = Run.objects.filter(**which).annotate(root_phase=Subquery(root)).order_by("-created_at", "-id")
    return runs.values_list("project__name", "domain", "name", "root_phase")


def _related_run(project: str, domain: str, name: str, phase: int) -> RelatedRun:
    status = Phase(phase)
    return RelatedRun(name, run_path(RunRef(project, domain, name)), status.slug, LABELS[status])


def get_run(ref: RunRef) -> RunHead:
    """One statement."""
    run = Run.objects.filter(project__name=ref.project, domain=ref.domain, name=ref.name)
    if (head := _head(run)) is None:
        raise missing_run(ref)
    return head


@dataclass(frozen=True, slots=True)
class RunState:
    """What a run that one watches is told by: the slug of its status, its label, its task, its error, whether it has ended."""

    status: str
    label: str
    task: str
    error: str
    is_over: bool


def get_state(head: RunHead) -> RunState:
    """Two statements."""
    root = to_row(*Action.objects.values_list(*ROW_FIELDS).get(run_id=head.id, name=ROOT))
    goes_on = not (root.is_terminal or root.is_aborting)
    if goes_on and Action.objects.filter(run_id=head.id, phase=Phase.PAUSED).exists():
        return RunState(Phase.PAUSED.slug, NEEDS_ANSWER, root.label, "", is_over=False)
    return RunState(root.status, root.status_label, root.label, root.error, root.is_terminal)


def get_run_by_id(run_id: int) -> RunHead:
    """One statement."""
    if (head := _head(Run.objects.filter(id=run_id).exclude(domain=""))) is None:
        raise NotFound(f"run {run_id} does not exist")
    return head


def find_run_seq(run_id: int) -> int | None:
    """The number of the run's last change. One statement."""
    return Run.objects.filter(pk=run_id).values_list("seq", flat=True).first()


def get_neighbour(head: RunHead, *, older: bool) -> str:
    """The path of the run before this one in its project and domain, or after it; "" when there is none.

    One statement, on the index run_listing.
    """
    runs = Run.objects.filter(project__runs=head.id, domain=head.ref.domain)
    at = head.created_at
    if older:
        runs = runs.filter(Q(created_at__lt=at) | Q(id__lt=head.id), created_at__lte=at)
    else:
        runs = runs.filter(Q(created_at__gt=at) | Q(id__gt=head.id), created_at__gte=at)
    order = ("-created_at", "-id") if older else ("created_at", "id")
    name = runs.order_by(*order).values_list("name", flat=True).first()
    return run_path(replace(head.ref, name=name)) if name else ""


def _head(runs: QuerySet[Run]) -> RunHead | None:
    run = runs.select_related("project").defer("spec").first()
    if run is None:
        return None
    return RunHead(
        id=run.id,
        ref=RunRef(run.project.name, run.domain, run.name),
        created_by=run.created_by,
        created_at=run.created_at,
        labels=tuple(sorted((str(key), str(value)) for key, value in run.labels.items())),
        logs_deleted_at=run.logs_deleted_at,
    )


def list_projects(among: Collection[str] | None = None) -> list[str]:
    """Names of the projects (of these) that are not archived. One statement."""
    projects = Project.objects.filter(is_archived=False)
    if among is not None:
        projects = projects.filter(name__in=among)
    return list(projects.order_by("name").values_list("name", flat=True))
