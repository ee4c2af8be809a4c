"""An action as a book has it: as it is stored, and one that is not stored yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from operator import attrgetter
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from django.db.models import DateTimeField

from runs.domain.phases import LIVE, TERMINAL, Phase
from runs.domain.retries import Standing, Stop
from runs.models import Action, Run
from runs.store.bulk import instant_of, select


class Draft(SimpleNamespace):
    """The columns of an action that is not stored yet, by the names of its model's attributes."""


def draft(run: Run, **columns: Any) -> Draft:
    """An action of this run, with the defaults of its model where nothing else is said; but when it is asked for has none."""
    return Draft(**(_DEFAULTS | {"run_id": run.pk} | columns))


@dataclass(slots=True)
class Row:
    """What a decision needs to know of an action. Owned by a Book; everyone else treats it as read-only.

    `new` is set until the row is inserted, and then its id is 0: what is decided meanwhile goes into the INSERT.
    """

    id: int
    name: str
    parent_id: int | None
    kind: int
    phase: Phase
    attempt: int
    max_attempts: int
    system_failures: int
    started_at: datetime | None
    ended_at: datetime | None
    executor_id: Any
    lease_epoch: int
    abort_id: int | None
    pool_id: int | None
    spec_id: int | None
    input_uri: str
    short_name: str
    not_before: datetime | None
    max_runtime_seconds: float
    queued_timeout_seconds: float
    deadline_at: datetime | None
    due_at: datetime | None
    exceeded: str
    forced_at: datetime | None
    escalation: int
    refusing_since: datetime | None
    cache_key: str
    task_name: str
    isolation: str
    is_alone: bool
    child_inputs: str
    updates: dict[str, Any] = field(default_factory=dict)
    stored_phase: Phase = Phase.QUEUED
    new: Draft | None = None

    @property
    def is_live(self) -> bool:
        return self.phase in LIVE

    @property
    def standing(self) -> Standing:
        """What counts when its attempt ends."""
        stop = Stop.NOTHING if self.abort_id is None else Stop.ABORT
        if self.exceeded:
            stop = Stop.at_limit(self.exceeded)
        return Standing(stop, self.attempt, self.max_attempts, self.system_failures)

    @property
    def is_ending(self) -> bool:
        """It was asked to stop, and will not be tried again."""
        return self.standing.is_final

    def due(self, phase: Phase, at: datetime) -> datetime | None:
        """When the first of its limits passes that count in this phase, which it enters at `at`."""
        if phase in TERMINAL or self.abort_id is not None:
            return None
        seconds = 0.0
        if phase in {Phase.QUEUED, Phase.WAITING_FOR_RESOURCES}:
            seconds = self.queued_timeout_seconds
        elif phase is Phase.RUNNING:
            seconds = self.max_runtime_seconds
        if not seconds:
            return self.deadline_at
        limit = at + timedelta(seconds=seconds)
        return min(limit, self.deadline_at) if self.deadline_at else limit


COLUMNS = [f.name for f in fields(Row) if f.name not in {"updates", "stored_phase", "new"}]

# As columns of the table; Django's model objects and bulk_create cost more than the database does.
_DEFAULTS = {
    column.attname: None if column.attname in {"created_at", "queued_at"} else column.get_default()
    for column in Action._meta.concrete_fields
    if not column.primary_key
}
INSERTED = tuple(_DEFAULTS)
values_of_table, values_of_row = attrgetter(*INSERTED), attrgetter(*COLUMNS[1:])


_AT = {name: at for at, name in enumerate(COLUMNS)}
_INSTANTS = [_AT[name] for name in COLUMNS if isinstance(Action._meta.get_field(name), DateTimeField)]
_EXECUTOR = _AT["executor_id"]
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM runs_action"  # noqa: S608 -- our own names


def read_by_name(run_id: int, names: Sequence[str]) -> list[Row]:
    """Of a run. One statement for each 900."""
    return [
        _stored(values) for values in select(f"{_SELECT} WHERE name IN ({{}}) AND run_id = %s", names, run_id)
    ]


def read_by_id(ids: Sequence[int]) -> list[Row]:
    """One statement for each 900."""
    return [_stored(values) for values in select(f"{_SELECT} WHERE id IN ({{}})", ids)]


def _stored(values: Sequence[Any]) -> Row:
    """A row as the driver returns it. SQLite keeps ids of executors as texts."""
    changed = list(values)
    for at in _INSTANTS:
        if changed[at] is not None:
            changed[at] = instant_of(changed[at])
    if isinstance(changed[_EXECUTOR], str):
        changed[_EXECUTOR] = UUID(changed[_EXECUTOR])
    return row_of(changed)


def row_of(values: Sequence[Any]) -> Row:
    """values: of COLUMNS."""
    row = Row(*values)
    row.phase = row.stored_phase = Phase(row.phase)
    return row
