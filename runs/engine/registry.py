"""Use cases of what is registered: projects, and tasks that were deployed. Each is one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.conf import settings
from django.db import IntegrityError, transaction

from runs.domain.errors import AlreadyExists, Invalid, NotFound
from runs.domain.images import BUILD_DOMAIN, BUILD_TASK, BUILD_VERSION, build_task
from runs.domain.names import BUILD_PROJECT, check_scope
from runs.domain.specs import MAX_TASK_NAME, MAX_VERSION, TaskFacts, check_text
from runs.engine.creation import keep_spec
from runs.engine.images.table import match_pools
from runs.models import DeployedTask, Project, Run

MAX_DISPLAY_NAME = 100
MAX_DESCRIPTION = 300


def create_project(
    name: str, display_name: str = "", description: str = "", labels: Mapping[str, str] | None = None
) -> None:
    """Make a project. Raises Invalid, or AlreadyExists."""
    check_scope("project", name)
    _check_words(name, display_name, description)
    try:
        with transaction.atomic():
            Project.objects.create(
                name=name, display_name=display_name, description=description, labels=dict(labels or {})
            )
    except IntegrityError as error:
        raise AlreadyExists(f"project {name!r} exists already") from error


def update_project(
    name: str,
    display_name: str = "",
    description: str = "",
    labels: Mapping[str, str] | None = None,
    *,
    is_archived: bool | None = None,
) -> None:
    """Change the given facts of a project; what is empty stays. Raises NotFound or Invalid."""
    _check_words(name, display_name, description)
    given: dict[str, object] = {"display_name": display_name, "description": description}
    changes = {key: value for key, value in given.items() if value}
    if labels:
        changes["labels"] = dict(labels)
    if is_archived is not None:
        changes["is_archived"] = is_archived
    if not Project.objects.filter(name=name).exists():
        raise NotFound(f"there is no project {name!r}")
    if changes:
        Project.objects.filter(name=name).update(**changes)


def _check_words(name: str, display_name: str, description: str) -> None:
    check_text(f"display name of project {name!r}", display_name, longest=MAX_DISPLAY_NAME, may_be_empty=True)
    check_text(f"description of project {name!r}", description, longest=MAX_DESCRIPTION, may_be_empty=True)


def deploy_task(
    project: str,
    domain: str,
    name: str,
    version: str,
    task: TaskFacts,
    *,
    deployed_by: str,
    domains: Sequence[str],
) -> bool:
    """Register a task under a name and a version; True when it is new, False when the very same was there.

    Raises AlreadyExists when the version holds another spec, so that a version never changes its meaning.
    """
    check_text("task name", name, longest=MAX_TASK_NAME)
    check_text(f"version of task {name!r}", version, longest=MAX_VERSION)
    if task.name != name:
        raise Invalid(f"the spec is of task {task.name!r}, it cannot be deployed as {name!r}")
    if domain not in domains:
        raise NotFound(f"there is no domain {domain!r} in project {project!r}, only {', '.join(domains)}")
    with transaction.atomic():
        row = Project.objects.filter(name=project, is_archived=False).first()
        if row is None:
            raise NotFound(f"there is no project {project!r}")
        spec = keep_spec(task)
        deployed, is_new = DeployedTask.objects.get_or_create(
            project=row,
            domain=domain,
            name=name,
            version=version,
            defaults={"spec": spec, "deployed_by": deployed_by},
        )
        if deployed.spec_id != spec.pk:
            raise AlreadyExists(f"version {version!r} of task {name!r} exists already, with other content")
    return is_new


def seed() -> None:
    """Make the default project when there is none, and the task with which the client builds images."""
    Project.objects.get_or_create(name=settings.DEFAULT_PROJECT)
    system, _ = Project.objects.get_or_create(
        name=BUILD_PROJECT, defaults={"description": "Builds of images that the server starts itself"}
    )
    DeployedTask.objects.update_or_create(
        project=system, domain=BUILD_DOMAIN, name=BUILD_TASK, version=BUILD_VERSION,
        defaults={"spec": keep_spec(build_task()), "deployed_by": "flyteui"},
    )  # fmt: skip
    match_pools()


def has_runs() -> bool:
    """Whether anything was ever submitted. One statement."""
    return Run.objects.exists()
