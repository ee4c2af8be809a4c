"""What a run, or one of its actions, declares: what of it differs here or is not here, and its links."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max
from flyteidl2.task import task_definition_pb2

from runs.domain.declared import finding
from runs.domain.declared.finding import Declared
from runs.domain.declared.links import Link, links_of, names_of
from runs.domain.phases import LIVE, Kind, Phase
from runs.models import Action, Run, TaskSpec

MAX_RUNS = 500  # of which it is remembered what they declare


@dataclass(frozen=True, slots=True)
class Declarations:
    """declared: of the root all that its run and the tasks in it declare, of any other action what its own task does."""

    declared: tuple[Declared, ...]
    links: tuple[Link, ...]


def get_declarations(action_id: int) -> Declarations:
    """One statement; of the root two or three, of which one reads the actions that its run got since somebody looked last."""
    action = Action.objects.select_related("spec", "run__project").get(pk=action_id)
    found = _of_run(action.run) if action.parent_id is None else (("", one) for one in _of_action(action))
    return Declarations(finding.merged(found), _links(action))


def _of_action(action: Action) -> Iterator[Declared]:
    spec = bytes(action.spec.spec) if action.spec else b""
    return _declared_by(action.kind, bytes(action.detail), spec)


def _declared_by(kind: int, detail: bytes, spec: bytes) -> Iterator[Declared]:
    if kind == Kind.CONDITION:
        yield from finding.of_condition(detail)
    elif kind == Kind.TASK:
        yield from finding.of_child(detail)
        yield from finding.of_task(spec)


def _of_run(run: Run) -> Iterator[tuple[str, Declared]]:
    yield from (("", one) for one in finding.of_run(bytes(run.spec)))
    yield from _looked_at.update(run)


class _LookedAt:
    """What the actions of runs declare, as far as somebody has looked: neither changes, and a run may have 100,000 actions."""

    def __init__(self) -> None:
        # By run: the last action that was looked at. Ids alone are not enough: a restored database may use one again.
        self._runs: OrderedDict[tuple[int, datetime], tuple[int, dict[tuple[str, Declared], None]]] = (
            OrderedDict()
        )

    def update(self, run: Run) -> list[tuple[str, Declared]]:
        """Look at what is new, and return all, with the names of tasks. Two statements at most."""
        key = run.pk, run.created_at
        last, known = self._runs.get(key, (0, {}))
        actions = Action.objects.filter(run=run.pk, pk__gt=last).exclude(kind=Kind.TRACE).order_by()
        columns = ("kind", "task_name", "detail", "spec")
        rows = list(actions.values_list(*columns).annotate(last=Max("pk")))
        specs = TaskSpec.objects.in_bulk({spec for *_, spec, _ in rows if spec is not None}) if rows else {}
        found = dict(known)
        for kind, name, detail, spec, pk in sorted(rows, key=lambda row: row[-1]):
            last = max(last, pk)
            own = bytes(specs[spec].spec) if spec in specs else b""
            found |= dict.fromkeys((name, one) for one in _declared_by(kind, bytes(detail), own))
        self._runs[key] = last, found
        self._runs.move_to_end(key)
        while len(self._runs) > MAX_RUNS:
            self._runs.popitem(last=False)
        return list(found)


_looked_at = _LookedAt()


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
