"""What the pages show of one action: its times, limits, inputs, outputs and events; see also attempts.py and chains.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from runs import literals, storage
from runs.conditions import Question, read_question
from runs.errors import NotFound
from runs.literals import Value
from runs.looks import LIMITS, look_of, word_of
from runs.models import Action, ActionEvent
from runs.phases import DEADLINE, MAX_RUNTIME, QUEUED_TIMEOUT, TERMINAL, Cause, Kind, Phase
from runs.queries.answers import Answer, find_answer
from runs.queries.attempts import AttemptLine, list_attempts
from runs.queries.chains import AbortChain, find_chain
from runs.queries.sources import Source, read_source
from runs.queries.waits import why_it_waits
from runs.timeline import between_ms, duration_words

MAX_EVENTS = 200


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of time. until: the moment when a deadline passes."""

    word: str
    text: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """The action that is selected."""

    id: int
    name: str
    label: str
    task_name: str
    kind: str
    group: str
    look: str
    word: str
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
    input_uri: str
    output_uri: str
    abort: AbortChain | None
    question: Question | None
    answer: Answer | None
    limits: tuple[Limit, ...]
    retries_at: datetime | None
    waits: str  # why it has not started
    deadline_at: datetime | None
    attempts: tuple[AttemptLine, ...]
    changed_seq: int

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
    """Two statements, and one each for what a refusal would cost, who answered a condition, and why it waits."""
    action = _action(run_id, name)
    look = _look(action)
    is_condition = action.kind == Kind.CONDITION and bool(action.detail)
    began, ended = action.started_at, action.ended_at
    waited_until = began or ended
    return Panel(
        id=action.id,
        name=action.name,
        label=action.short_name or action.task_name.rpartition(".")[2] or action.name,
        task_name=action.task_name,
        kind=Kind(action.kind).name.lower(),
        group=action.group,
        look=look,
        word=word_of(look, action.attempt, action.max_attempts),
        phase=Phase(action.phase),
        parent=action.parent.name if action.parent else "",
        attempt=action.attempt,
        max_attempts=action.max_attempts,
        created_at=action.created_at,
        started_at=began,
        ended_at=ended,
        waited=duration_words(between_ms(action.created_at, waited_until)) if waited_until else "",
        ran=duration_words(between_ms(began, ended)) if began and ended else "",
        error_code=action.error_code,
        error_kind=action.error_kind,
        error_message=action.error_message,
        cache=CACHE_WORDS.get(action.cache_status, ""),
        source=read_source(action.source),
        executor=str(action.executor_id or "")[:8],
        input_uri=action.input_uri,
        output_uri=action.output_uri,
        abort=find_chain(action, look),
        question=read_question(bytes(action.detail)) if is_condition else None,
        answer=find_answer(action) if is_condition else None,
        limits=_limits(action),
        retries_at=_retries_at(action) if look == "retrying" else None,
        waits=why_it_waits(action),
        deadline_at=action.deadline_at,
        attempts=list_attempts(action.pk, look),
        changed_seq=action.changed_seq,
    )


def _action(run_id: int, name: str) -> Action:
    found = Action.objects.filter(run_id=run_id, name=name).select_related("abort__target", "parent").first()
    if found is None:
        raise NotFound(f"action {name!r} does not exist in this run")
    return found


def _look(action: Action) -> str:
    return look_of(
        Phase(action.phase),
        is_asked=action.abort_id is not None,
        exceeded=action.exceeded,
        is_refusing=action.refusing_since is not None,
        is_held_back=action.not_before is not None,
        cache_status=action.cache_status,
    )


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
    return tuple(found)


NOTES: dict[str, str] = {Cause.REFUSED: "Refused to stop", Cause.FORCED: "Forced to stop"}


@dataclass(frozen=True, slots=True)
class EventLine:
    """A line of the action's history."""

    seq: int
    at: datetime
    text: str
    look: str
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
        look="aborting" if is_request else phase.slug,
        attempt=event.attempt,
        cause=event.cause,
        actor=event.actor,
        after=f"after {duration_words(between_ms(first, event.at))}",
    )


def read_inputs(panel: Panel) -> tuple[Value, ...] | None:
    """What the action was given; None: there is no such file. No statement."""
    content = _bytes(panel.input_uri)
    return None if content is None else tuple(literals.read_inputs(content))


def read_outputs(panel: Panel) -> tuple[Value, ...] | None:
    """What it returned; None: there is no such file (yet). No statement."""
    # A task's output_uri is a folder, a trace's is the file.
    is_file = panel.kind == "trace" or not panel.output_uri
    uri = panel.output_uri if is_file else storage.join(panel.output_uri, "outputs.pb")
    content = _bytes(uri)
    return None if content is None else tuple(literals.read_outputs(content))


def _bytes(uri: str) -> bytes | None:
    return storage.read_bytes(uri) if uri else None
