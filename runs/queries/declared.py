"""What a run, or one of its actions, declares: what of it differs here or is not here, and its links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flyteidl2.task import task_definition_pb2

from runs.domain.declared import finding
from runs.domain.declared.finding import Declared
from runs.domain.declared.links import Link, links_of, names_of
from runs.domain.phases import LIVE, Kind, Phase
from runs.models import Action, Run, TaskSpec


@dataclass(frozen=True, slots=True)
class Declarations:
    """declared: of the root all that its run and the tasks in it declare, of any other action what its own task does."""

    declared: tuple[Declared, ...]
    links: tuple[Link, ...]


def get_declarations(action_id: int) -> Declarations:
    """One statement; of the root three, one of which reads which tasks the actions of its run have."""
    action = Action.objects.select_related("spec", "run__project").get(pk=action_id)
    found = _of_run(action.run) if action.parent_id is None else (("", one) for one in _of_action(action))
    return Declarations(finding.merged(found), _links(action))


def _of_action(action: Action) -> Iterator[Declared]:
    if action.kind == Kind.CONDITION:
        yield from finding.of_condition(bytes(action.detail))
    elif action.kind == Kind.TASK:
        yield from finding.of_child(bytes(action.detail))
        yield from finding.of_task(bytes(action.spec.spec)) if action.spec else ()


def _of_run(run: Run) -> Iterator[tuple[str, Declared]]:
    yield from (("", one) for one in finding.of_run(bytes(run.spec)))
    actions = Action.objects.filter(run=run.pk).order_by()
    ids = actions.filter(spec__isnull=False).values("spec").distinct()
    for name, spec in TaskSpec.objects.filter(pk__in=ids).order_by("pk").values_list("name", "spec"):
        yield from ((name, one) for one in finding.of_task(bytes(spec)))
    said = actions.exclude(detail=b"").exclude(kind=Kind.TRACE)
    for kind, name, detail in said.values_list("kind", "task_name", "detail").distinct():
        of = finding.of_condition if kind == Kind.CONDITION else finding.of_child
        yield from ((name, one) for one in of(bytes(detail)))


def _links(action: Action) -> tuple[Link, ...]:
    """Those that are of use now, rendered with the names of the action."""
    if action.spec is None:
        return ()
    run = action.run
    names = names_of(
        project=run.project.name, domain=run.domain, run=run.name, action=action.name, attempt=action.attempt
    )
    template = task_definition_pb2.TaskSpec.FromString(bytes(action.spec.spec)).task_template
    is_live = Phase(action.phase) in LIVE
    return tuple(link for link in links_of(template, names) if is_live or not link.is_for_live)
