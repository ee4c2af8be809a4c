"""Rows of a run's tree, and their changes. Frozen dataclasses that templates need no logic for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Max

from runs.domain.addresses.pages import action_path
from runs.domain.conditions import Question, read_question, say_answer
from runs.domain.inputs.digests import show_digest
from runs.domain.inputs.siblings import tell_apart
from runs.domain.names import ActionRef, RunRef, label_of
from runs.domain.phases import HELD, TERMINAL, Escalation, Kind, Phase
from runs.domain.status import LIMITS, display_status, status_label
from runs.domain.timeline import AttemptSpan
from runs.models import Action
from runs.queries.aborts.marks import AbortMark, mark_of

MAX_ERROR = 200
MAX_ANSWER = 200


@dataclass(frozen=True, slots=True)
class Refusal:
    """That an action does not stop, since when, and when the next step of law 6 comes (None: it is the last)."""

    since: datetime
    step: Escalation
    next_at: datetime | None

    @property
    def next_step(self) -> str:
        """What comes next, before `in 18 s`."""
        return "closed" if self.step < Escalation.CLOSED else "its process ends"

    @property
    def is_last(self) -> bool:
        """Whether only the end of its process is left: of its executor, or (nothing comes after) of a def task's own."""
        return self.step is Escalation.PROCESS or (self.step is Escalation.CLOSED and self.next_at is None)


@dataclass(frozen=True, slots=True)
class Block:
    """The event loop on which an action runs is blocked, since when, and by whom; by: "" where that is no action's code."""

    since: datetime
    is_own: bool
    by: str

    @property
    def held_up_by(self) -> str:
        return self.by or "code of no action"


@dataclass(frozen=True, slots=True)
class Source:
    """The action that made them: one of which the cache has kept them, or the one that was recovered."""

    run: str
    action: str
    path: str


@dataclass(frozen=True, slots=True)
class ActionRow:
    """What a row of the tree is made of. Equal rows have equal HTML, so that it can be cached.

    label: the function; scope: its environment; exceeded: the limit for which it is being stopped; not_before: until
    when a retry waits; deadline_at: of a condition, until when it can be answered.
    was_queued_again: it may have more than one attempt; attempts: the newest of them, where they were read (runs/queries/attempts.py);
    is_isolated: it has a process of its own, or had one;
    waits: why it is queued or what it waits for, where that was read (runs/queries/waits.py); goes_on: what its end waits for.
    answer: what a condition was given, in words; digest: of its inputs; child_inputs: what tells its children apart; inputs: what tells it from its siblings, by `told_apart`.
    """

    id: int
    name: str
    parent_id: int | None
    kind: Kind
    phase: Phase
    label: str
    scope: str
    group: str
    attempt: int
    max_attempts: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    error: str
    abort: AbortMark | None
    exceeded: str
    refusal: Refusal | None
    not_before: datetime | None
    deadline_at: datetime | None
    cache_status: int
    source: Source | None
    question: Question | None
    changed_seq: int
    pool_id: int | None = None
    run_id: int = 0
    was_queued_again: bool = False
    attempts: tuple[AttemptSpan, ...] = ()
    waits: str = ""
    block: Block | None = None
    goes_on: str = ""
    task_name: str = ""
    digest: str = ""
    child_inputs: str = ""
    inputs: str = ""
    answer: str = ""
    is_isolated: bool = False

    @property
    def is_terminal(self) -> bool:
        return self.phase in TERMINAL

    @property
    def joint(self) -> str:
        """What is between the status and `waits`: *Queued, slots full*, but *Waiting for an equal call*."""
        return " " if self.status == "waiting-for-resources" else ", "

    @property
    def is_aborting(self) -> bool:
        return self.abort is not None and not self.is_terminal

    @property
    def status(self) -> str:
        """The slug that picks mark and colour."""
        return display_status(
            self.phase,
            is_asked=self.abort is not None,
            exceeded=self.exceeded,
            is_refusing=self.refusal is not None,
            is_held_back=self.not_before is not None,
            cache_status=self.cache_status,
        )

    @property
    def status_label(self) -> str:
        return status_label(self.status, self.attempt, self.max_attempts, is_ending=bool(self.goes_on))

    @property
    def all_inputs(self) -> str:
        """Its simple inputs, `number=17 lr=0.0031`."""
        return show_digest(self.digest)

    @property
    def which(self) -> str:
        """What tells it from its siblings: inputs, or its name."""
        return self.inputs or self.name

    @property
    def limit(self) -> str:
        """The name of the limit for which it is being stopped."""
        return LIMITS.get(self.exceeded, "limit")

    @property
    def has_room_for_line(self) -> bool:
        """Whether the last line that it printed follows its status: there is nothing more important to say."""
        return self.status == "running" and not (self.goes_on or self.block or self.waits)

    @property
    def can_be_answered(self) -> bool:
        return self.question is not None and self.phase is Phase.PAUSED and self.abort is None


ROW_FIELDS = (
    "id",
    "name",
    "parent_id",
    "kind",
    "phase",
    "short_name",
    "task_name",
    "group",
    "attempt",
    "max_attempts",
    "created_at",
    "started_at",
    "ended_at",
    "error_code",
    "error_message",
    "abort__actor",
    "abort__cause",
    "abort__requested_at",
    "abort__reason",
    "exceeded",
    "escalation",
    "refusing_since",
    "escalates_at",
    "not_before",
    "deadline_at",
    "cache_status",
    "source",
    "detail",
    "changed_seq",
    "lease_epoch",
    "queued_at",
    "pool_id",
    "run_id",
    "is_isolated",
    "executor__blocked_since",
    "executor__blocked_by_id",
    "executor__blocked_by__name",
    "executor__blocked_by__short_name",
    "executor__blocked_by__run__name",
    "goes_on",
    "run__name",
    "input_digest",
    "child_inputs",
    "value",
)


class Blocked(NamedTuple):
    """What the executor of an action has of a block, as the columns of ROW_FIELDS."""

    since: datetime | None
    by_id: int | None
    name: str
    short_name: str
    run: str


class Node(NamedTuple):
    """What the tree and the counts need of an action. All of them are in memory; other columns are read for visible rows only."""

    id: int
    parent_id: int | None
    changed_seq: int
    status_bits: int  # what its status is made of
    group: str = ""

    @property
    def phase(self) -> Phase:
        return Phase(self.status_bits & 15)

    @property
    def is_aborting(self) -> bool:
        return bool(self.status_bits & 16) and self.phase not in TERMINAL


# One small number instead of six columns: a run may have 100,000 of them, and each column costs 20 ms.
STATUS_BITS = """phase
        + CASE WHEN abort_id IS NULL THEN 0 ELSE 16 END + CASE exceeded WHEN '' THEN 0 ELSE 32 END
        + CASE WHEN refusing_since IS NULL THEN 0 ELSE 64 END + CASE WHEN not_before IS NULL THEN 0 ELSE 128 END
        + 256 * cache_status"""
_NODES = f"""
    SELECT id, parent_id, changed_seq, {STATUS_BITS}, "group"
    FROM runs_action WHERE run_id = %s AND changed_seq > %s ORDER BY id
"""  # noqa: S608 -- of constants


def list_changed_nodes(run_id: int, *, since: int) -> list[Node]:
    """Actions that changed after the sequence number, by id. Every one is in it for since=-1.

    Numbers are taken under the lock of the run's row, so their order is that of the commits and none is missed.
    One statement, on the index action_changes.
    """
    with connection.cursor() as cursor:
        cursor.execute(_NODES, [run_id, since])
        return list(map(Node._make, cursor.fetchall()))


@lru_cache(maxsize=4096)
def status_of_bits(status_bits: int) -> str:
    """The status of a node."""
    return display_status(
        Phase(status_bits & 15),
        is_asked=bool(status_bits & 16),
        exceeded="some" if status_bits & 32 else "",
        is_refusing=bool(status_bits & 64),
        is_held_back=bool(status_bits & 128),
        cache_status=status_bits >> 8,
    )


def get_rows(ids: Collection[int]) -> dict[int, ActionRow]:
    """The rows of these actions, by id. One statement for each 900."""
    rows: dict[int, ActionRow] = {}
    wanted = iter(ids)
    while chunk := list(islice(wanted, 900)):
        for values in Action.objects.filter(pk__in=chunk).values_list(*ROW_FIELDS):
            row = to_row(*values)
            rows[row.id] = row
    return rows


def find_seq(run_id: int, name: str) -> int | None:
    """The number of an action's last change. One statement."""
    return Action.objects.filter(run_id=run_id, name=name).values_list("changed_seq", flat=True).first()


def get_last_end(run_id: int) -> datetime | None:
    """When the last action of a run ended. One statement."""
    last: datetime | None = Action.objects.filter(run_id=run_id).aggregate(last=Max("ended_at"))["last"]
    return last


def to_row(*values: Any) -> ActionRow:
    """The row of these values, one for each of ROW_FIELDS, in their order."""
    (
        id_, name, parent_id, kind, phase, short_name, task_name, group, attempt, max_attempts, created_at, started_at,
        ended_at, error_code, error_message, actor, cause, requested_at, reason, exceeded, escalation, refusing_since,
        escalates_at, not_before, deadline_at, cache_status, source, detail, changed_seq, leases, queued_at, pool_id,
        run_id, is_isolated, *blocked, goes_on, run, digest, child_inputs, value,
    ) = values  # fmt: skip
    is_condition = kind == Kind.CONDITION and bool(detail)
    return ActionRow(
        id=id_,
        name=name,
        parent_id=parent_id,
        kind=Kind(kind),
        phase=Phase(phase),
        label=label_of(short_name, task_name, name),
        scope=task_name.rpartition(".")[0],
        group=group,
        attempt=attempt,
        max_attempts=max_attempts,
        created_at=created_at,
        started_at=started_at,
        ended_at=ended_at,
        error=error_line(error_code, error_message) if error_code or error_message else "",
        abort=mark_of(actor, cause, requested_at, reason),
        exceeded=exceeded,
        refusal=refusal_of(escalation, refusing_since, escalates_at) if refusing_since else None,
        not_before=not_before,
        deadline_at=deadline_at if is_condition else None,
        cache_status=cache_status,
        source=read_source(source),
        question=read_question(detail) if is_condition else None,
        changed_seq=changed_seq,
        pool_id=pool_id,
        run_id=run_id,
        was_queued_again=leases > 1 or (leases == 1 and queued_at > created_at),
        block=block_of(id_, run, Blocked(*blocked)) if phase in HELD and not is_isolated else None,
        goes_on=goes_on if phase in HELD else "",
        task_name=task_name,
        digest=digest,
        child_inputs=child_inputs,
        answer=say_answer(bytes(value))[1][:MAX_ANSWER] if is_condition and value else "",
        is_isolated=is_isolated,
    )


def block_of(action_id: int, run: str, blocked: Blocked) -> Block | None:
    """What blocks the loop of an action that an executor holds, by these columns of the executor."""
    since, by_id, name, short_name, by_run = blocked
    if since is None:
        return None
    of = f" of {by_run}" if by_run != run else ""
    by = f"{short_name} ({name}){of}" if short_name else f"{name}{of}"
    return Block(since, by_id == action_id, by if by_id is not None else "")


def read_source(text: str) -> Source | None:
    """Read project/domain/run/action/attempt, or nothing."""
    if not text:
        return None
    project, domain, run, action, _ = text.split("/")
    return Source(run, action, action_path(ActionRef(RunRef(project, domain, run), action)))


def refusal_of(step: int, since: datetime | None, next_at: datetime | None) -> Refusal | None:
    """The refusal of these columns, or None when there is none."""
    return Refusal(since, Escalation(step), next_at) if since else None


def told_apart(row: ActionRow, rows: Mapping[int, ActionRow]) -> ActionRow:
    """The row with the inputs that tell it from its siblings. rows: its parent is among them, unless it is a root."""
    if not row.digest or row.parent_id is None:
        return row
    return replace(row, inputs=tell_apart(rows[row.parent_id].child_inputs, row.task_name, row.digest))


def error_line(code: str, message: str) -> str:
    """The error in one line: its code and the message's last line, where tracebacks have the error."""
    lines = message.strip().splitlines()
    last = lines[-1].strip() if lines else ""
    if code and last and not last.startswith(code):
        last = f"{code}: {last}"
    return (last or code)[:MAX_ERROR]
