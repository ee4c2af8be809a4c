"""Rows of a run's tree, and their changes. Frozen dataclasses that templates need no logic for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Max, Q

from runs.conditions import Question, read_question
from runs.errors import NotFound
from runs.looks import LIMITS, look_of, word_of
from runs.models import Action
from runs.phases import TERMINAL, Cause, Escalation, Kind, Phase
from runs.queries.sources import Source, read_source
from runs.selections import Selection
from runs.timeline import Try

MAX_ERROR = 200


@dataclass(frozen=True, slots=True)
class AbortMark:
    """That an action was asked to stop: by whom, why and when."""

    actor: str
    cause: Cause
    requested_at: datetime

    @property
    def by(self) -> str:
        """What follows the word Aborted: `by ann`, or the cause when no person asked."""
        return f"by {self.actor}" if self.cause is Cause.EXTERNAL_ABORT else f"· {self.cause}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """That an action does not stop, since when, and when the next step of law 6 comes (None: it is the last)."""

    since: datetime
    step: Escalation
    next_at: datetime | None

    @property
    def next_word(self) -> str:
        """What comes next, before `in 18 s`."""
        return "closed" if self.step < Escalation.CLOSED else "its process ends"

    @property
    def is_last(self) -> bool:
        """Whether only the end of its process is left: of its executor, or (nothing comes after) of a def task's own."""
        return self.step is Escalation.PROCESS or (self.step is Escalation.CLOSED and self.next_at is None)


@dataclass(frozen=True, slots=True)
class ActionRow:
    """What a row of the tree is made of. Equal rows look equal, so that their HTML can be kept.

    label: the function; scope: its environment; exceeded: the limit for which it is being stopped; not_before: until
    when a retry waits; deadline_at: of a condition, until when it can be answered.
    was_queued_again: it may have more than one try; tries: the newest of them, where they were read (runs/queries/tries.py);
    waits: why it is queued or what it waits for, where that was read (runs/queries/waits.py).
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
    was_queued_again: bool = False
    tries: tuple[Try, ...] = ()
    waits: str = ""

    @property
    def is_terminal(self) -> bool:
        return self.phase in TERMINAL

    @property
    def why(self) -> str:
        """`waits` as it follows the word: *Queued, slots full*, but *Waiting for an equal call*."""
        joint = " " if self.look == "waiting-for-resources" else ", "
        return joint + self.waits if self.waits else ""

    @property
    def is_aborting(self) -> bool:
        return self.abort is not None and not self.is_terminal

    @property
    def look(self) -> str:
        """The slug that picks mark and colour."""
        return look_of(
            self.phase,
            is_asked=self.abort is not None,
            exceeded=self.exceeded,
            is_refusing=self.refusal is not None,
            is_held_back=self.not_before is not None,
            cache_status=self.cache_status,
        )

    @property
    def word(self) -> str:
        return word_of(self.look, self.attempt, self.max_attempts)

    @property
    def limit(self) -> str:
        """The limit for which it is being stopped, in words."""
        return LIMITS.get(self.exceeded, "limit")

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
)


class Node(NamedTuple):
    """What the tree and the counts need of an action; the rest is read for those that are seen."""

    id: int
    parent_id: int | None
    changed_seq: int
    sign: int  # what its look is made of

    @property
    def phase(self) -> Phase:
        return Phase(self.sign & 15)

    @property
    def is_aborting(self) -> bool:
        return bool(self.sign & 16) and self.phase not in TERMINAL


# One small number instead of six columns: a run may have 100,000 of them, and each column costs 20 ms.
SIGN = """phase
        + CASE WHEN abort_id IS NULL THEN 0 ELSE 16 END + CASE exceeded WHEN '' THEN 0 ELSE 32 END
        + CASE WHEN refusing_since IS NULL THEN 0 ELSE 64 END + CASE WHEN not_before IS NULL THEN 0 ELSE 128 END
        + 256 * cache_status"""
_NODES = f"""
    SELECT id, parent_id, changed_seq, {SIGN}
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
def look_of_sign(sign: int) -> str:
    """The look of a node."""
    return look_of(
        Phase(sign & 15),
        is_asked=bool(sign & 16),
        exceeded="some" if sign & 32 else "",
        is_refusing=bool(sign & 64),
        is_held_back=bool(sign & 128),
        cache_status=sign >> 8,
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


def find_ids(run_id: int, names: Collection[str]) -> dict[str, int]:
    """The ids of those of these actions that there are. One statement for each 900."""
    ids: dict[str, int] = {}
    wanted = iter(names)
    while chunk := list(islice(wanted, 900)):
        ids.update(Action.objects.filter(run_id=run_id, name__in=chunk).values_list("name", "pk"))
    return ids


def find_seq(run_id: int, name: str) -> int | None:
    """The number of an action's last change. One statement."""
    return Action.objects.filter(run_id=run_id, name=name).values_list("changed_seq", flat=True).first()


def list_selected(run_id: int, selection: Selection) -> dict[str, int]:
    """The ids of what is selected, by name. A phase or a group never selects the root. One statement for each 900 names."""
    if selection.names:
        return find_ids(run_id, selection.names)
    if selection.beside:
        return _list_beside(run_id, selection.beside)
    wanted = Q(group=selection.group) if selection.phase is None else Q(phase=selection.phase)
    below_root = Action.objects.filter(run_id=run_id, parent_id__isnull=False)
    return dict(below_root.filter(wanted).values_list("name", "pk"))


def _list_beside(run_id: int, name: str) -> dict[str, int]:
    """The ids of the other actions with the parent of this one, which must be there. Two statements."""
    one = Action.objects.filter(run_id=run_id, name=name).values_list("pk", "parent_id").first()
    if one is None:
        raise NotFound(f"the run has no action {name!r}")
    own, parent = one
    beside = Action.objects.filter(run_id=run_id, parent_id=parent, parent_id__isnull=False)
    return dict(beside.exclude(pk=own).values_list("name", "pk"))


def search(run_id: int, text: str) -> list[int]:
    """The ids of the actions with this text in a name: of function, environment, action or group. One statement."""
    match = Q(task_name__icontains=text) | Q(short_name__icontains=text) | Q(name__icontains=text)
    found = Action.objects.filter(match | Q(group__icontains=text), run_id=run_id)
    return list(found.values_list("pk", flat=True))


def list_failed_by_end(run_id: int) -> list[int]:
    """The ids of what failed or timed out, the first to end first. One statement, on the index of the run."""
    failed = Action.objects.filter(run_id=run_id, phase__in=[Phase.FAILED, Phase.TIMED_OUT])
    return list(failed.order_by("ended_at", "pk").values_list("pk", flat=True))


def get_last_end(run_id: int) -> datetime | None:
    """When the last action of a run ended. One statement."""
    last: datetime | None = Action.objects.filter(run_id=run_id).aggregate(last=Max("ended_at"))["last"]
    return last


def to_row(*values: Any) -> ActionRow:
    """The row of these values, one for each of ROW_FIELDS, in their order."""
    (
        id_, name, parent_id, kind, phase, short_name, task_name, group, attempt, max_attempts, created_at, started_at,
        ended_at, error_code, error_message, actor, cause, requested_at, exceeded, escalation, refusing_since,
        escalates_at, not_before, deadline_at, cache_status, source, detail, changed_seq, leases, queued_at, pool_id,
    ) = values  # fmt: skip
    scope, _, function = task_name.rpartition(".")
    is_condition = kind == Kind.CONDITION and bool(detail)
    return ActionRow(
        id=id_,
        name=name,
        parent_id=parent_id,
        kind=Kind(kind),
        phase=Phase(phase),
        label=short_name or function or name,
        scope=scope,
        group=group,
        attempt=attempt,
        max_attempts=max_attempts,
        created_at=created_at,
        started_at=started_at,
        ended_at=ended_at,
        error=error_line(error_code, error_message) if error_code or error_message else "",
        abort=AbortMark(actor or "", Cause(cause), requested_at) if cause and requested_at else None,
        exceeded=exceeded,
        refusal=refusal_of(escalation, refusing_since, escalates_at) if refusing_since else None,
        not_before=not_before,
        deadline_at=deadline_at if is_condition else None,
        cache_status=cache_status,
        source=read_source(source),
        question=read_question(detail) if is_condition else None,
        changed_seq=changed_seq,
        pool_id=pool_id,
        was_queued_again=leases > 1 or (leases == 1 and queued_at > created_at),
    )


def refusal_of(step: int, since: datetime | None, next_at: datetime | None) -> Refusal | None:
    """The refusal of these columns, or None when there is none."""
    return Refusal(since, Escalation(step), next_at) if since else None


def error_line(code: str, message: str) -> str:
    """The error in one line: its code and the message's last line, which is where tracebacks say what happened."""
    lines = message.strip().splitlines()
    last = lines[-1].strip() if lines else ""
    if code and last and not last.startswith(code):
        last = f"{code}: {last}"
    return (last or code)[:MAX_ERROR]
