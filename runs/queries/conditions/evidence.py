"""What whoever answers a condition may want to see first: what its parent has made so far, with outputs and reports."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from runs.domain.inputs.siblings import tell_apart
from runs.domain.names import label_of
from runs.domain.phases import Kind, Phase
from runs.models import Action, Attempt
from runs.queries import reports
from runs.queries.panels import Panel

MOST = 5  # of the parent's children; each costs a look into the storage


@dataclass(frozen=True, slots=True)
class Evidence:
    """An action to look at. which: what tells it from its siblings. Its parent, which goes on, has no outputs yet."""

    name: str
    label: str
    which: str
    has_outputs: bool
    has_report: bool


def list_evidence(run_id: int, panel: Panel) -> tuple[Evidence, ...]:
    """The parent of a condition, if it has a report, and the last of its children that succeeded, newest first; () for others.

    Three statements for a condition that waits, none else.
    """
    if not panel.can_be_answered:
        return ()
    parent = Action.objects.defer("detail", "error_message").get(run_id=run_id, name=panel.parent)
    ended = Action.objects.filter(
        parent_id=parent.pk, kind=Kind.TASK, phase__in=[Phase.SUCCEEDED, Phase.RECOVERED]
    ).defer("detail", "error_message")
    actions = [parent, *ended.order_by("-ended_at", "-pk")[:MOST]]
    folders: dict[int, list[str]] = defaultdict(list)
    newest_first = Attempt.objects.filter(action__in=[one.pk for one in actions]).order_by("-lease_epoch")
    for action_id, folder in newest_first.values_list("action_id", "output_uri"):
        folders[action_id].append(folder)
    found = (_evidence(one, parent, folders[one.pk]) for one in actions)
    return tuple(one for one in found if one.has_outputs or one.has_report)


def _evidence(action: Action, parent: Action, folders: list[str]) -> Evidence:
    is_parent = action.pk == parent.pk
    apart = tell_apart(parent.child_inputs, action.task_name, action.input_digest)
    return Evidence(
        name=action.name,
        label=label_of(action.short_name, action.task_name, action.name),
        which="" if is_parent else apart,
        has_outputs=not is_parent and bool(action.output_uri),
        has_report=reports.find_in([action.output_uri, *folders]) is not None,
    )
