"""The panel of one action: times, limits, events. values/ has inputs and outputs, attempts.py and aborts/chains.py have the rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from runs.domain.addresses.pages import run_path, table_path
from runs.domain.conditions import Question, read_question, say_answer
from runs.domain.errors import NotFound
from runs.domain.inputs.digests import show_digest
from runs.domain.inputs.siblings import read_groups
from runs.domain.limits import DEADLINE, MAX_RUNTIME, QUEUED_TIMEOUT
from runs.domain.names import RunRef, label_of
from runs.domain.phases import HELD, TERMINAL, UNHELD, Cause, Kind, Phase
from runs.domain.status import LIMITS, display_status, status_label
from runs.domain.timeline import between_ms, format_duration
from runs.domain.variables.isolation import Isolation
from runs.models import Action, ActionEvent, Manner
from runs.queries.aborts.chains import AbortChain, count_neighbours, find_chain
from runs.queries.attempts import AttemptLine, list_attempts
from runs.queries.images import ImageFacts, image_of
from runs.queries.rows import Block, Blocked, Source, block_of, read_source
from runs.queries.waits import why_it_waits

MAX_EVENTS = 200


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of time. until: the moment when a deadline passes."""

    label: str
    text: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The value that a condition was signalled with, by whom and when, and what they said. words: the value as people say it."""

    text: str
    words: str
    actor: str
    at: datetime | None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class BlockDetails:
    """That the event loop of its executor is blocked. stack: by what; neighbours: how many others are there."""

    now: Block
    stack: str
    neighbours: int


@dataclass(frozen=True, slots=True)
class GoesOn:
    """What its end waits for, as a clause, since when its code has ended, and the stack of that."""

    what: str
    since: datetime
    stack: str


@dataclass(frozen=True, slots=True)
class Alone:
    """That an action of this task runs alone, and why: FLYTEUI_ISOLATE demands it, or the task `did` something in that run."""

    when: str  # what stands before "alone"
    is_demanded: bool = False
    did: str = ""
    run: str = ""
    run_path: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """The action that is selected."""

    id: int
    name: str
    label: str
    task_name: str
    kind: str
    group: str
    status: str
    status_label: str
    phase: Phase
    parent: str
    attempt: int
    max_attempts: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    waited: str
    ran: str
    error_code: str
    error_kind: str
    error_message: str
    cache: str
    source: Source | None
    executor: str
    slow_start: str
    inputs: str  # the simple ones, without those that are long
    input_uri: str
    output_uri: str
    abort: AbortChain | None
    question: Question | None
    answer: Answer | None
    limits: tuple[Limit, ...]
    retries_at: datetime | None
    waits: str  # why it has not started
    block: BlockDetails | None
    goes_on: GoesOn | None
    deadline_at: datetime | None
    alone: Alone | None
    image: ImageFacts | None  # None: the worker's own Python, which has all that the image's name says
    attempts: tuple[AttemptLine, ...]
    changed_seq: int
    uses: str | None = None  # what its process uses now, None where nothing is measured
    table_path: str = ""  # of the calls from which it differs in its inputs, "" without any

    @property
    def is_terminal(self) -> bool:
        return self.phase in TERMINAL

    @property
    def is_aborting(self) -> bool:
        return self.abort is not None and not self.is_terminal

    @property
    def can_be_answered(self) -> bool:
        return self.question is not None and self.phase is Phase.PAUSED and self.abort is None


CACHE_WORDS = {
    1: "missed",
    2: "hit: its outputs were taken from the cache",
    3: "stored",
    4: "lookup failed",
    5: "store failed",
    6: "skipped",
    7: "evicted",
}


def get_panel(run_id: int, name: str) -> Panel:
    """Three statements; one more each for the neighbours of a refusal, the answer of a condition, why it waits, and the
    neighbours on an event loop that is blocked.
    """
    action = _action(run_id, name)
    status = _status(action)
    is_condition = action.kind == Kind.CONDITION and bool(action.detail)
    began, ended = action.started_at, action.ended_at
    waited_until = began or ended
    return Panel(
        id=action.id,
        name=action.name,
        label=label_of(action.short_name, action.task_name, action.name),
        task_name=action.task_name,
        kind=Kind(action.kind).name.lower(),
        group=action.group,
        status=status,
        status_label=status_label(
            status, action.attempt, action.max_attempts, is_ending=bool(_goes_on(action))
        ),
        phase=Phase(action.phase),
        parent=action.parent.name if action.parent else "",
        attempt=action.attempt,
        max_attempts=action.max_attempts,
        created_at=action.created_at,
        started_at=began,
        ended_at=ended,
        waited=format_duration(between_ms(action.created_at, waited_until)) if waited_until else "",
        ran=format_duration(between_ms(began, ended)) if began and ended else "",
        error_code=action.error_code,
        error_kind=action.error_kind,
        error_message=action.error_message,
        cache=CACHE_WORDS.get(action.cache_status, ""),
        source=read_source(action.source),
        executor=str(action.executor_id or "")[:8],
        slow_start=action.pool.slow_start if action.pool is not None else "",
        inputs=show_digest(action.input_digest),
        input_uri=action.input_uri,
        output_uri=action.output_uri,
        abort=find_chain(action, status),
        question=read_question(bytes(action.detail)) if is_condition else None,
        answer=_find_answer(action) if is_condition else None,
        limits=_limits(action),
        retries_at=_retries_at(action) if status == "retrying" else None,
        waits=why_it_waits(action),
        block=_block(action),
        goes_on=_goes_on(action),
        deadline_at=action.deadline_at,
        alone=_find_alone(action) if action.kind == Kind.TASK else None,
        image=_image(action),
        attempts=(attempts := list_attempts(action.pk, status)),
        uses=attempts[-1].uses if attempts and action.is_isolated and action.phase == Phase.RUNNING else None,
        changed_seq=action.changed_seq,
        table_path=_table_path(action),
    )


def _table_path(action: Action) -> str:
    """What the parent keeps of its children says whether there are others, and whether they differ. No statement."""
    parent, run = action.parent, action.run
    if parent is None or not read_groups(parent.child_inputs).get(action.task_name, ("", ()))[1]:
        return ""
    ref = RunRef(run.project.name, run.domain, run.name)
    return table_path(ref, parent=parent.name, task=action.task_name, group=action.group)


def _action(run_id: int, name: str) -> Action:
    found = (
        Action.objects.filter(run_id=run_id, name=name)
        .select_related(
            "abort__target",
            "parent",
            "pool__built_image__build_run__project",
            "run__project",
            "executor__blocked_by__run",
        )
        .first()
    )
    if found is None:
        raise NotFound(f"action {name!r} does not exist in this run")
    return found


def _status(action: Action) -> str:
    return display_status(
        Phase(action.phase),
        is_asked=action.abort_id is not None,
        exceeded=action.exceeded,
        is_refusing=action.refusing_since is not None,
        is_held_back=action.not_before is not None,
        cache_status=action.cache_status,
    )


def _image(action: Action) -> ImageFacts | None:
    return image_of(action.pool) if action.pool is not None else None


def _block(action: Action) -> BlockDetails | None:
    """One statement while its loop is blocked, else none."""
    executor = action.executor
    if executor is None or executor.blocked_since is None or action.phase not in HELD or action.is_isolated:
        return None
    by = executor.blocked_by
    facts = Blocked(executor.blocked_since, None, "", "", "")
    if by is not None:
        facts = Blocked(executor.blocked_since, by.pk, by.name, by.short_name, by.run.name)
    now = block_of(action.pk, action.run.name, facts)
    return BlockDetails(now, executor.blocked_in, count_neighbours(action)) if now else None


def _goes_on(action: Action) -> GoesOn | None:
    if not action.goes_on or action.code_ended_at is None or action.phase not in HELD:
        return None
    return GoesOn(action.goes_on, action.code_ended_at, action.stuck_in)


def _find_answer(action: Action) -> Answer | None:
    """The answer of a condition. One statement, none when there is no answer."""
    if not action.value:
        return None
    text, words = say_answer(bytes(action.value))
    event = ActionEvent.objects.filter(action_id=action.pk, cause=Cause.SIGNALLED).order_by("id").last()
    actor, at = (event.actor, event.at) if event else ("", action.ended_at)
    return Answer(text, words, actor, at, action.comment)


def _find_alone(action: Action) -> Alone | None:
    """Whether it runs alone, and why. One statement, none when its task decides."""
    when = "The next action of this task will run"
    if action.is_alone:
        when = "Ran" if action.phase in TERMINAL else "Runs"
    elif action.phase in UNHELD:
        when = "Will run"
    if action.isolation != Isolation.AUTO:
        return Alone(when, is_demanded=True) if action.isolation == Isolation.ALWAYS else None
    run = action.run
    manner = Manner.objects.filter(
        project_id=run.project_id, domain=run.domain, task_name=action.task_name
    ).first()
    if manner is None:
        return Alone(when) if action.is_alone else None
    seen_in = RunRef(run.project.name, run.domain, manner.run_name)
    return Alone(when, did=manner.detail, run=manner.run_name, run_path=run_path(seen_in))


def _retries_at(action: Action) -> datetime | None:
    """Until when a retry is held back, if that is still so."""
    is_ahead = action.not_before is not None and action.not_before > timezone.now()
    return action.not_before if is_ahead else None


def _limits(action: Action) -> tuple[Limit, ...]:
    """The limits that the action has, those of one attempt first."""
    seconds = ((MAX_RUNTIME, action.max_runtime_seconds), (QUEUED_TIMEOUT, action.queued_timeout_seconds))
    found = [Limit(LIMITS[code], f"{value:g} s an attempt") for code, value in seconds if value]
    if action.deadline_at:
        found.append(Limit(LIMITS[DEADLINE], "", action.deadline_at))
    if action.parent_id is None and action.run.max_actions:
        found.append(Limit("actions at a time", f"{action.run.max_actions:,} of the run"))
    return tuple(found)


NOTES: dict[str, str] = {
    Cause.REFUSED: "Refused to stop",
    Cause.HELD_UP: "Could not be told to stop",
    Cause.FORCED: "Forced to stop",
    Cause.REASON_ADDED: "Gave a reason for the abort",
}


@dataclass(frozen=True, slots=True)
class EventLine:
    """A line of the action's history."""

    seq: int
    at: datetime
    text: str
    status: str
    attempt: int
    cause: str
    actor: str
    after: str = field(default="")


def list_events(action_id: int) -> tuple[EventLine, ...]:
    """The first MAX_EVENTS events, oldest first. One statement."""
    found = list(ActionEvent.objects.filter(action_id=action_id).order_by("id")[:MAX_EVENTS])
    return tuple(_event(event, found[0].at) for event in found)


def _event(event: ActionEvent, first: datetime) -> EventLine:
    phase = Phase(event.to_phase)
    is_request = event.from_phase == event.to_phase and event.cause != Cause.RETRIED
    return EventLine(
        seq=event.seq,
        at=event.at,
        text=NOTES.get(event.cause, "Asked to stop") if is_request else phase.label,
        status="aborting" if is_request else phase.slug,
        attempt=event.attempt,
        cause=event.cause,
        actor=event.actor,
        after=f"after {format_duration(between_ms(first, event.at))}",
    )
