"""Rows of a run's tree, and their changes. Frozen dataclasses that templates need no logic for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from runs.models import Action
from runs.phases import TERMINAL, Cause, Kind, Phase

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
class ActionRow:
    """What a row of the tree is made of. Equal rows look equal, so that their HTML can be kept.

    label: the function; scope: its environment.
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
    changed_seq: int

    @property
    def is_terminal(self) -> bool:
        return self.phase in TERMINAL

    @property
    def is_aborting(self) -> bool:
        return self.abort is not None and not self.is_terminal

    @property
    def look(self) -> str:
        """The slug that picks icon and colour."""
        return "aborting" if self.is_aborting else self.phase.slug

    @property
    def word(self) -> str:
        return "Aborting" if self.is_aborting else self.phase.label


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
    "changed_seq",
)


def list_changed_rows(run_id: int, *, since: int) -> list[ActionRow]:
    """Rows that changed after the sequence number, by id. Every row is in it for since=-1.

    Numbers are taken under the lock of the run's row, so their order is that of the commits and none is missed.
    One statement, on the index action_changes.
    """
    found = (
        Action.objects.filter(run_id=run_id, changed_seq__gt=since).order_by("id").values_list(*ROW_FIELDS)
    )
    return [to_row(*fields) for fields in found.iterator(chunk_size=5000)]


def to_row(  # noqa: PLR0913, PLR0917  # one parameter for each of ROW_FIELDS, in their order
    id_: int,
    name: str,
    parent_id: int | None,
    kind: int,
    phase: int,
    short_name: str,
    task_name: str,
    group: str,
    attempt: int,
    max_attempts: int,
    created_at: datetime,
    started_at: datetime | None,
    ended_at: datetime | None,
    error_code: str,
    error_message: str,
    actor: str | None,
    cause: str | None,
    requested_at: datetime | None,
    changed_seq: int,
) -> ActionRow:
    return ActionRow(
        id=id_,
        name=name,
        parent_id=parent_id,
        kind=Kind(kind),
        phase=Phase(phase),
        label=short_name or task_name.rpartition(".")[2] or name,
        scope=task_name.rpartition(".")[0],
        group=group,
        attempt=attempt,
        max_attempts=max_attempts,
        created_at=created_at,
        started_at=started_at,
        ended_at=ended_at,
        error=error_line(error_code, error_message),
        abort=AbortMark(actor or "", Cause(cause), requested_at) if cause and requested_at else None,
        changed_seq=changed_seq,
    )


def error_line(code: str, message: str) -> str:
    """The error in one line: its code and the message's last line, which is where tracebacks say what happened."""
    lines = message.strip().splitlines()
    last = lines[-1].strip() if lines else ""
    if code and last and not last.startswith(code):
        last = f"{code}: {last}"
    return (last or code)[:MAX_ERROR]
