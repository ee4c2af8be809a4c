"""What the pages say of a run as a whole; lists of runs are in lists.py, rows of a tree in rows.py, the panel of one action in panels.py."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Q

from runs.errors import NotFound
from runs.models import Project, Run
from runs.names import RunRef


@dataclass(frozen=True, slots=True)
class RunHead:
    """What stays the same while a run lasts."""

    id: int
    ref: RunRef
    created_by: str
    created_at: datetime
    labels: tuple[tuple[str, str], ...]

    @property
    def path(self) -> str:
        return run_path(self.ref)


def run_path(ref: RunRef) -> str:
    """The URL that the real client prints."""
    return f"{runs_path(ref.project, ref.domain)}/{ref.name}"


def runs_path(project: str, domain: str) -> str:
    return f"/v2/domain/{domain}/project/{project}/runs"


def get_run(ref: RunRef) -> RunHead:
    """One statement."""
    return _head(Run.objects.filter(project__name=ref.project, domain=ref.domain, name=ref.name), str(ref))


def get_run_by_id(run_id: int) -> RunHead:
    """One statement."""
    return _head(Run.objects.filter(id=run_id), str(run_id))


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


def _head(runs: object, what: str) -> RunHead:
    run = runs.select_related("project").defer("spec").first()  # type: ignore[attr-defined]
    if run is None:
        raise NotFound(f"run {what} does not exist")
    return RunHead(
        id=run.id,
        ref=RunRef(run.project.name, run.domain, run.name),
        created_by=run.created_by,
        created_at=run.created_at,
        labels=tuple(sorted((str(key), str(value)) for key, value in run.labels.items())),
    )


def list_projects() -> list[str]:
    """Names of the projects that are not archived. One statement."""
    return list(Project.objects.filter(is_archived=False).order_by("name").values_list("name", flat=True))
