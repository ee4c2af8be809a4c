"""What an action of a task runs in, and of which run it is: the tab Details of its panel."""

from __future__ import annotations

from dataclasses import dataclass

from runs.domain.addresses.pages import run_path, task_path
from runs.domain.names import RunRef
from runs.domain.tasks.details import TaskDetails, read_details
from runs.models import Action
from runs.queries.runs import RELATIONS


@dataclass(frozen=True, slots=True)
class ActionDetails:
    """task: None of an action of which no spec was kept. relation: what its run is of another one, in words; related: that one."""

    task: TaskDetails | None
    task_path: str
    created_by: str
    labels: tuple[tuple[str, str], ...]
    relation: str
    related: str
    related_path: str


def get_details(action_id: int) -> ActionDetails:
    """Of an action that is a task. One statement."""
    action = Action.objects.select_related("spec", "run__project", "run__related_to__project").get(
        pk=action_id
    )
    run, spec = action.run, action.spec
    related = run.related_to if run.relation in RELATIONS else None
    ref = RunRef(related.project.name, related.domain, related.name) if related else None
    version = spec.version if spec else ""
    return ActionDetails(
        task=read_details(bytes(spec.spec), run.envs) if spec else None,
        task_path=task_path(run.project.name, run.domain, action.task_name, version) if spec else "",
        created_by=run.created_by,
        labels=tuple(sorted((str(key), str(value)) for key, value in run.labels.items())),
        relation=RELATIONS[run.relation] if ref else "",
        related=ref.name if ref else "",
        related_path=run_path(ref) if ref else "",
    )
