"""The list of tasks of a project and domain: those that were deployed, and those that ran."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Max, QuerySet
from django.utils import timezone

from runs.domain.addresses.pages import task_path
from runs.domain.tasks.outcomes import Numbers, Outcome, OutcomeBar, bars_of, numbers_of, words_of
from runs.models import DeployedTask
from runs.queries.tasks.usage import MAX_SPECS, UsedSpec, list_newest, list_used, read_outcomes

PAGE_SIZE = 30
MAX_DEPLOYED = 5_000  # names, the newest
BARS = 12  # of the last actions of a task
SPECS_EACH = 6  # of a task, in which its last actions are looked for
SORTS = {"recent": "Last run first", "name": "By name"}


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A task of the list. last_id, last_at: of its newest action; versions: those that ran here, among the newest of all tasks."""

    name: str
    label: str
    environment: str
    path: str
    specs: tuple[int, ...] = ()
    deployed_at: datetime | None = None
    last_id: int = 0
    last_at: datetime | None = None
    bars: tuple[OutcomeBar, ...] = ()
    words: str = ""
    numbers: Numbers | None = None

    @property
    def prefix(self) -> str:
        """What stands before its label: the environment, where the name begins with it."""
        return f"{self.environment}." if self.name == f"{self.environment}.{self.label}" else ""


@dataclass(frozen=True, slots=True)
class TaskList:
    """A page of it. is_cut: there may be tasks that are older than what was looked at; a search finds them."""

    lines: tuple[TaskLine, ...]
    total: int
    page: int
    is_cut: bool = False

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE_SIZE))


def list_tasks(project: str, domain: str, *, text: str = "", sort: str = "recent", page: int = 1) -> TaskList:
    """The tasks with this text in their names. Four statements, two when there are none."""
    used = list_used(project, domain, text=text)
    lines = _merged(project, domain, used, _deployed(project, domain, text))
    key = _by_name if sort == "name" else _by_last
    ordered = sorted(lines, key=key)
    page = min(max(1, page), max(1, -(-len(ordered) // PAGE_SIZE)))
    shown = ordered[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    return TaskList(_with_bars(project, domain, shown), len(ordered), page, is_cut=len(used) >= MAX_SPECS)


def _by_name(line: TaskLine) -> tuple[str, str]:
    return line.name.lower(), line.name


def _by_last(line: TaskLine) -> tuple[int, float, str]:
    """What never ran comes last, what was deployed last first."""
    return -line.last_id, -(line.deployed_at.timestamp() if line.deployed_at else 0.0), line.name


def _deployed(project: str, domain: str, text: str) -> QuerySet[DeployedTask, tuple[str, str, str, datetime]]:
    """Name, short name and environment of each deployed task, as its newest version has them."""
    rows = DeployedTask.objects.filter(project__name=project, domain=domain)
    if text:
        rows = rows.filter(name__icontains=text)
    newest = (
        rows.values("name").annotate(newest=Max("pk")).order_by("-newest").values("newest")[:MAX_DEPLOYED]
    )
    found = DeployedTask.objects.filter(pk__in=newest)
    return found.values_list("name", "spec__short_name", "spec__environment", "created_at")


def _merged(
    project: str,
    domain: str,
    used: Sequence[UsedSpec],
    deployed: QuerySet[DeployedTask, tuple[str, str, str, datetime]],
) -> list[TaskLine]:
    lines: dict[str, TaskLine] = {}
    for one in used:
        line = lines.get(one.name) or TaskLine(
            one.name, one.short_name or one.name.rpartition(".")[2], one.environment, task_path(project, domain, one.name),
            last_id=one.last_id, last_at=one.last_at,
        )  # fmt: skip
        lines[one.name] = replace(line, specs=(*line.specs, one.spec_id))
    for name, short_name, environment, at in deployed:
        line = lines.get(name) or TaskLine(name, short_name, environment, task_path(project, domain, name))
        lines[name] = replace(line, deployed_at=at)
    return list(lines.values())


def _with_bars(project: str, domain: str, lines: Sequence[TaskLine]) -> tuple[TaskLine, ...]:
    """Their last actions. Two statements."""
    wanted = [spec for line in lines for spec in line.specs[:SPECS_EACH]]
    newest = list_newest(project, domain, wanted, BARS)
    ids = {line.name: _first(line, newest) for line in lines}
    outcomes = read_outcomes(project, domain, [pk for found in ids.values() for pk in found])
    of_task: dict[str, list[Outcome]] = {}
    for one in outcomes:
        of_task.setdefault(one.task, []).append(one)
    now = timezone.now()
    return tuple(_with(line, of_task.get(line.name, []), now) for line in lines)


def _first(line: TaskLine, newest: dict[int, list[int]]) -> list[int]:
    found = [pk for spec in line.specs[:SPECS_EACH] for pk in newest.get(spec, [])]
    return sorted(found, reverse=True)[:BARS]


def _with(line: TaskLine, outcomes: Sequence[Outcome], now: datetime) -> TaskLine:
    if not outcomes:
        return line
    return replace(line, bars=bars_of(outcomes, now), words=words_of(outcomes), numbers=numbers_of(outcomes))
