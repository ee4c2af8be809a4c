"""Reads of what is registered: projects, and tasks that were deployed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, QuerySet

from runs.domain.errors import NotFound
from runs.domain.specs import is_entrypoint
from runs.models import DeployedTask, Project
from runs.queries.filters import Fields, ListQuery, apply, order, read_moment

TASK_FIELDS: Fields = {
    "name": ("name", str),
    "version": ("version", str),
    "created_at": ("created_at", read_moment),
    "deployed_by": ("deployed_by", str),
    "environment_name": ("spec__environment", str),
    "short_name": ("spec__short_name", str),
}
PROJECT_FIELDS: Fields = {
    "name": ("display_name", str),
    "identifier": ("name", str),
    "id": ("name", str),
    "created_at": ("created_at", read_moment),
    "state": ("is_archived", lambda value: value not in {"0", "PROJECT_STATE_ACTIVE"}),
}


@dataclass(frozen=True, slots=True)
class ProjectView:
    """A project. Its domains are a setting."""

    name: str
    display_name: str
    description: str
    labels: dict[str, str]
    is_archived: bool


@dataclass(frozen=True, slots=True)
class TaskView:
    """A deployed task. spec: TaskSpec bytes; empty in lists."""

    project: str
    domain: str
    name: str
    version: str
    short_name: str
    environment: str
    deployed_by: str
    deployed_at: datetime
    spec: bytes = b""


def _project(row: Project) -> ProjectView:
    return ProjectView(
        row.name, row.display_name or row.name, row.description, dict(row.labels), row.is_archived
    )


def get_project(name: str) -> ProjectView:
    """One project, or NotFound. One statement."""
    row = Project.objects.filter(name=name).first()
    if row is None:
        raise NotFound(f"there is no project {name!r}")
    return _project(row)


def list_projects(
    query: ListQuery, projects: Collection[str] | None = None
) -> tuple[list[ProjectView], int | None]:
    """Projects (of these), archived ones too unless a filter excludes them, and the offset of the next page. One statement."""
    found_projects = Project.objects.all() if projects is None else Project.objects.filter(name__in=projects)
    rows = order(apply(found_projects, PROJECT_FIELDS, query.conditions), PROJECT_FIELDS, query.sort)
    found = list(rows[query.offset : query.offset + query.limit + 1])
    more = query.offset + query.limit if len(found) > query.limit else None
    return [_project(row) for row in found[: query.limit]], more


def _tasks(project: str, domain: str) -> QuerySet[DeployedTask]:
    rows = DeployedTask.objects.select_related("project", "spec").defer("spec__spec")
    if project:
        rows = rows.filter(project__name=project)
    if domain:
        rows = rows.filter(domain=domain)
    return rows


def _task(row: DeployedTask, *, spec: bytes = b"") -> TaskView:
    return TaskView(
        project=row.project.name, domain=row.domain, name=row.name, version=row.version,
        short_name=row.spec.short_name, environment=row.spec.environment, deployed_by=row.deployed_by,
        deployed_at=row.created_at, spec=spec,
    )  # fmt: skip


def get_task(project: str, domain: str, name: str, version: str) -> TaskView:
    """A deployed task with its spec; an empty version means the latest. Raises NotFound. One statement."""
    rows = DeployedTask.objects.select_related("project", "spec")
    rows = rows.filter(project__name=project, domain=domain, name=name)
    if version:
        rows = rows.filter(version=version)
    row = rows.order_by("-created_at", "-pk").first()
    if row is None:
        what = f"task {name!r}" + (f" version {version!r}" if version else "")
        raise NotFound(f"there is no {what} in project {project!r}, domain {domain!r}")
    return _task(row, spec=bytes(row.spec.spec))


def list_tasks(
    project: str,
    domain: str,
    query: ListQuery,
    *,
    entrypoint: bool | None = None,
    projects: Collection[str] | None = None,
) -> tuple[list[TaskView], int | None]:
    """The latest version of each task (in these projects). One statement, two with `entrypoint`, which needs their specs."""
    rows = _tasks(project, domain)
    if projects is not None:
        rows = rows.filter(project__name__in=projects)
    newest = rows.values("project_id", "domain", "name").annotate(newest=Max("pk")).values("newest")
    latest = rows.filter(pk__in=newest.order_by())
    if entrypoint is not None:
        specs = latest.values_list("pk", "spec__spec")
        latest = rows.filter(pk__in=[pk for pk, spec in specs if is_entrypoint(bytes(spec)) is entrypoint])
    return _page(latest, query)


def list_versions(
    project: str, domain: str, name: str, query: ListQuery
) -> tuple[list[TaskView], int | None]:
    """All versions of one task. One statement."""
    return _page(_tasks(project, domain).filter(name=name), query)


def _page(rows: QuerySet[DeployedTask], query: ListQuery) -> tuple[list[TaskView], int | None]:
    rows = order(apply(rows, TASK_FIELDS, query.conditions), TASK_FIELDS, query.sort)
    found = list(rows[query.offset : query.offset + query.limit + 1])
    more = query.offset + query.limit if len(found) > query.limit else None
    return [_task(row) for row in found[: query.limit]], more
