"""The reports of a run: of its tasks that write some, and of which actions there is one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from flyteidl2.task import task_definition_pb2

from runs.domain.inputs.siblings import tell_apart
from runs.domain.names import ROOT, label_of
from runs.domain.phases import LABELS, Phase
from runs.models import Action, Attempt, TaskSpec
from runs.queries import reports

MOST = 25  # on a page; each costs a look into the storage
SAMPLE = 300  # actions, by name: of a run of no more all are looked at


@dataclass(frozen=True, slots=True)
class ReportLine:
    """An action of a task that writes reports. which: what tells it from its siblings; size: None while it has written none."""

    id: int
    name: str
    label: str
    which: str
    status: str
    status_label: str
    started_at: datetime | None
    size: int | None


@dataclass(frozen=True, slots=True)
class ReportList:
    """Up to MOST of them, in the order in which they were asked for. after: the id from which the next page goes on, None at the end."""

    lines: tuple[ReportLine, ...]
    after: int | None


def may_have_reports(run_id: int) -> bool:
    """Whether a task of the run writes reports. Two statements, of a bounded size: of a long run a sample of its actions is looked at."""
    named = Action.objects.filter(run_id=run_id).order_by("name").values_list("spec", flat=True)[:SAMPLE]
    return bool(_writers(set(named)))


def list_reports(run_id: int, after: int = 0) -> ReportList:
    """Four statements, of which the first goes over all actions of the run."""
    with_spec = Action.objects.filter(run_id=run_id, spec__isnull=False)
    writers = _writers(with_spec.values_list("spec", flat=True).order_by().distinct())
    actions = list(
        Action.objects.filter(run_id=run_id, spec__in=writers, pk__gt=after)
        .select_related("parent")
        .only(
            "name",
            "short_name",
            "task_name",
            "input_digest",
            "phase",
            "started_at",
            "output_uri",
            "parent__child_inputs",
        )
        .order_by("pk")[: MOST + 1]
    )
    folders = _folders([one.pk for one in actions[:MOST]])
    lines = tuple(_line(one, folders[one.pk]) for one in actions[:MOST])
    return ReportList(lines, actions[MOST - 1].pk if len(actions) > MOST else None)


def _writers(specs: Iterable[int | None]) -> list[int]:
    """Those of the specs whose task says that it writes reports. One statement."""
    found = TaskSpec.objects.filter(pk__in=list(specs))
    return [pk for pk, spec in found.values_list("pk", "spec") if _writes_reports(bytes(spec))]


@lru_cache(maxsize=2048)
def _writes_reports(spec: bytes) -> bool:
    return task_definition_pb2.TaskSpec.FromString(spec).task_template.metadata.generates_deck.value


def _folders(actions: list[int]) -> dict[int, list[str]]:
    """The folders of their attempts, the newest first. One statement."""
    found: dict[int, list[str]] = defaultdict(list)
    newest_first = Attempt.objects.filter(action__in=actions).order_by("-lease_epoch")
    for action, folder in newest_first.values_list("action_id", "output_uri"):
        found[action].append(folder)
    return found


def _line(action: Action, folders: list[str]) -> ReportLine:
    report = reports.find_in([action.output_uri, *folders])
    told = action.parent.child_inputs if action.parent else ""
    phase = Phase(action.phase)
    return ReportLine(
        id=action.pk,
        name=action.name,
        label=label_of(action.short_name, action.task_name, action.name),
        which="" if action.name == ROOT else tell_apart(told, action.task_name, action.input_digest),
        status=phase.slug,
        status_label=LABELS[phase],
        started_at=action.started_at,
        size=report.size if report else None,
    )
