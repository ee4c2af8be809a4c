"""Reads of what waits for somebody: the conditions of all runs that a reader may see, by the index action_paused."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from django.db.models import Count, QuerySet

from runs.domain.addresses.pages import action_path, run_path
from runs.domain.conditions import Question, read_question
from runs.domain.names import ROOT, ActionRef, RunRef
from runs.domain.phases import Kind, Phase
from runs.domain.roles import Role, Subject, has_role, projects_with
from runs.models import Action

MOST = 200  # rows of the page


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A condition that waits. task: of its run; may_answer: whether the reader may, who may see it in any case."""

    ref: ActionRef
    label: str
    question: Question
    asked_at: datetime
    deadline_at: datetime | None
    task: str
    started_by: str
    may_answer: bool

    @property
    def path(self) -> str:
        return action_path(self.ref)

    @property
    def run_path(self) -> str:
        return run_path(self.ref.run)


@dataclass(frozen=True, slots=True)
class WaitingPage:
    """The rows that the page shows, those asked first on top, and how many there are."""

    rows: tuple[WaitingRow, ...]
    total: int

    @property
    def hidden(self) -> int:
        return self.total - len(self.rows)


def count_waiting(projects: Collection[str] | None) -> int:
    """How many conditions wait in these projects; None: in all. One statement."""
    counted = _waiting().values_list("run__project__name").annotate(number=Count("pk")).order_by()
    return sum(number for project, number in counted if projects is None or project in projects)


def list_waiting(subject: Subject) -> WaitingPage:
    """What waits in the projects that the subject may see. Two statements, one more when the page is full."""
    projects = projects_with(subject, Role.VIEWER)
    waiting = _waiting().select_related("run__project").defer("run__spec", "error_message")
    found = waiting.order_by("created_at", "id").iterator(chunk_size=MOST)
    visible = (one for one in found if projects is None or one.run.project.name in projects)
    actions = list(islice(visible, MOST))
    roots = Action.objects.filter(run__in={one.run_id for one in actions}, name=ROOT)
    tasks = {
        run: short or task for run, short, task in roots.values_list("run_id", "short_name", "task_name")
    }
    rows = tuple(_row(one, tasks.get(one.run_id, ""), subject) for one in actions)
    return WaitingPage(rows, len(rows) if len(rows) < MOST else count_waiting(projects))


def _waiting() -> QuerySet[Action]:
    """In all projects: a project in the statement would have the database begin with all of its runs. Abort ends what waits at once;
    a run without a domain is being deleted.
    """
    return Action.objects.filter(phase=Phase.PAUSED, kind=Kind.CONDITION).exclude(run__domain="")


def _row(action: Action, task: str, subject: Subject) -> WaitingRow:
    run = action.run
    return WaitingRow(
        ref=ActionRef(RunRef(run.project.name, run.domain, run.name), action.name),
        label=action.short_name or action.name,
        question=read_question(bytes(action.detail)),
        asked_at=action.created_at,
        deadline_at=action.deadline_at,
        task=task,
        started_by=run.created_by,
        may_answer=has_role(subject, Role.OPERATOR, run.project.name),
    )
