"""Reads for the Connect API: runs and actions as the wire shows them, and children for watches; logs.py has the lines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from runs.domain.errors import NotFound
from runs.domain.names import ActionRef, RunRef
from runs.domain.phases import TERMINAL, Cause, Kind, Phase
from runs.engine.targets import missing_run
from runs.models import Action, ActionEvent, Attempt, LogChunk, Project, Run

# Tasks have no detail; those of traces and conditions are small.
LEAN = ("run__spec", "spec__spec")


@dataclass(frozen=True, slots=True)
class AbortFacts:
    """The abort of an action. target: the name of the action that was to stop, itself or an ancestor."""

    cause: str
    actor: str
    reason: str
    target: str
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class ErrorFacts:
    """Why an action or an attempt failed. kind: user | system | unknown."""

    code: str
    message: str
    kind: str
    recoverable: bool = False


@dataclass(frozen=True, slots=True)
class SignalFacts:
    """Who gave a condition its value: a serialised Literal."""

    actor: str
    value: bytes


@dataclass(frozen=True, slots=True)
class ActionView:
    """An action as lists show it."""

    id: int
    run_id: int
    ref: ActionRef
    org: str
    parent: str
    kind: Kind
    phase: Phase
    group: str
    task_name: str
    task_version: str
    task_type: str
    short_name: str
    environment: str
    attempt: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    input_uri: str
    output_uri: str
    cache_status: int
    source: str  # project/domain/run/action/attempt whose outputs these are; "" when they are its own
    created_by: str
    labels: dict[str, str]
    changed_seq: int
    error: ErrorFacts | None
    abort: AbortFacts | None
    detail: bytes  # a TraceAction or ConditionAction message; empty for tasks
    value: bytes  # the Literal that a condition was signalled with

    @property
    def is_terminal(self) -> bool:
        return self.phase in TERMINAL


@dataclass(frozen=True, slots=True)
class Transition:
    """A phase that an attempt was in, until the next one began."""

    phase: Phase
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class AttemptView:
    """All leases of one attempt number, as one."""

    number: int
    phase: Phase
    started_at: datetime
    ended_at: datetime | None
    output_uri: str
    error: ErrorFacts | None
    has_logs: bool
    cache_status: int
    source: str
    transitions: tuple[Transition, ...]


@dataclass(frozen=True, slots=True)
class ActionDetails:
    """An action with what its page needs. spec: TaskSpec bytes; signal: of a condition that has its value."""

    action: ActionView
    spec: bytes
    run_spec: bytes
    attempts: tuple[AttemptView, ...]
    signal: SignalFacts | None


def _actions(ref: RunRef) -> QuerySet[Action]:
    return joined().filter(run__project__name=ref.project, run__domain=ref.domain, run__name=ref.name)


def joined() -> QuerySet[Action]:
    """Actions with all that a view needs, in one statement."""
    return Action.objects.select_related("run__project", "parent", "spec", "abort__target")


def view(row: Action) -> ActionView:
    """A row of joined() as a view; no statement."""
    run, spec, abort = row.run, row.spec, row.abort
    return ActionView(
        id=row.pk, run_id=run.pk, ref=ActionRef(RunRef(run.project.name, run.domain, run.name), row.name),
        org=run.org, parent=row.parent.name if row.parent else "", kind=Kind(row.kind), phase=Phase(row.phase),
        group=row.group, task_name=row.task_name, task_version=spec.version if spec else "",
        task_type=spec.task_type if spec else "", short_name=row.short_name,
        environment=spec.environment if spec else "", attempt=row.attempt, created_at=row.created_at,
        started_at=row.started_at, ended_at=row.ended_at, input_uri=row.input_uri, output_uri=row.output_uri,
        cache_status=row.cache_status, source=row.source, created_by=run.created_by, labels=run.labels,
        changed_seq=row.changed_seq, error=_error(row),
        abort=AbortFacts(abort.cause, abort.actor, abort.reason, abort.target.name, abort.requested_at)
        if abort
        else None,
        detail=bytes(row.detail), value=bytes(row.value),
    )  # fmt: skip


def _error(row: Action | Attempt) -> ErrorFacts | None:
    if not row.error_code and not row.error_message:
        return None
    recoverable = isinstance(row, Action) and row.error_recoverable
    return ErrorFacts(row.error_code, row.error_message, row.error_kind or "unknown", recoverable)


def get_action(ref: ActionRef) -> ActionView:
    """One action. One statement, two more when it is not there, to name what is missing."""
    return view(_get(ref, _actions(ref.run).defer(*LEAN)))


def get_action_details(ref: ActionRef) -> ActionDetails:
    """One action with its attempts. Four statements, five for a condition that was signalled."""
    row = _get(ref, _actions(ref.run))
    return ActionDetails(
        action=view(row),
        spec=bytes(row.spec.spec) if row.spec else b"",
        run_spec=bytes(row.run.spec),
        attempts=_attempts(row),
        signal=_signal(row),
    )


def _signal(row: Action) -> SignalFacts | None:
    if row.kind != Kind.CONDITION or row.phase != Phase.SUCCEEDED:
        return None
    actors = ActionEvent.objects.filter(action=row, cause=Cause.SIGNALLED).values_list("actor", flat=True)
    return SignalFacts(actors.first() or "", bytes(row.value))


def _get(ref: ActionRef, rows: QuerySet[Action]) -> Action:
    row = rows.filter(name=ref.name).first()
    if row is None:
        run = Run.objects.filter(
            project__name=ref.run.project, domain=ref.run.domain, name=ref.run.name
        ).exists()
        if not run:
            raise missing_run(ref.run)
        what = f"action {ref.name!r} in run {ref.run.name!r}"
        raise NotFound(f"there is no {what} in project {ref.run.project!r}, domain {ref.run.domain!r}")
    return row


def _attempts(row: Action) -> tuple[AttemptView, ...]:
    """One view for each number up to the current one: dense, because clients index by number. Three statements."""
    leases: dict[int, list[Attempt]] = defaultdict(list)
    for lease in Attempt.objects.filter(action=row).order_by("lease_epoch"):
        leases[lease.number].append(lease)
    moves: dict[int, list[ActionEvent]] = defaultdict(list)
    for event in ActionEvent.objects.filter(action=row).order_by("seq", "id"):
        if event.from_phase != event.to_phase:
            moves[event.attempt].append(event)
    logged = set(LogChunk.objects.filter(action=row).values_list("attempt", flat=True).distinct())
    return tuple(
        _attempt(row, number, leases[number], moves[number], has_logs=number in logged)
        for number in range(1, row.attempt + 1)
    )


def _attempt(
    row: Action, number: int, leases: list[Attempt], moves: list[ActionEvent], *, has_logs: bool
) -> AttemptView:
    last = leases[-1] if leases else None
    is_current = number == row.attempt
    started_at = moves[0].at if moves else (leases[0].leased_at if leases else row.queued_at)
    if is_current:
        phase, ended_at, error = Phase(row.phase), row.ended_at, _error(row)
    else:
        # An earlier attempt ended in an error that could be retried; the action itself never showed it.
        phase, ended_at, error = Phase.FAILED, last.ended_at if last else None, _error(last) if last else None
    ends = [event.at for event in moves[1:]] + [ended_at]
    return AttemptView(
        number=number, phase=phase, started_at=started_at, ended_at=ended_at,
        output_uri=last.output_uri if last else row.output_uri, error=error, has_logs=has_logs,
        cache_status=row.cache_status if is_current else 0, source=row.source if is_current else "",
        transitions=tuple(
            Transition(Phase(event.to_phase), event.at, None if Phase(event.to_phase) in TERMINAL else end)
            for event, end in zip(moves, ends, strict=False)
        ),
    )  # fmt: skip


def list_changed(run_id: int, *, after: int, parent_id: int | None = None) -> list[ActionView]:
    """Actions of a run (or children of one) that changed after a seq, in that order. One statement."""
    rows = joined().defer(*LEAN).filter(run_id=run_id, changed_seq__gt=after)
    if parent_id is not None:
        rows = rows.filter(parent_id=parent_id)
    return [view(row) for row in rows.order_by("changed_seq", "id")]


def get_changed_seq(action_id: int) -> int:
    """The run's counter when the action changed last. One statement."""
    return Action.objects.values_list("changed_seq", flat=True).get(pk=action_id)


def has_ended(action_id: int) -> bool:
    """Whether the action is terminal. One statement."""
    return Action.objects.filter(pk=action_id, phase__in=sorted(TERMINAL)).exists()


def check_project(name: str, domain: str, domains: Iterable[str]) -> None:
    """Raise NotFound when there is no such project or domain. One statement."""
    if not Project.objects.filter(name=name, is_archived=False).exists():
        raise NotFound(f"there is no project {name!r}")
    names = list(domains)
    if domain not in names:
        raise NotFound(f"there is no domain {domain!r} in project {name!r}, only {', '.join(names)}")
