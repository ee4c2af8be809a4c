"""The only writer of phases, attempts and their times, and of the event log.

All changes of a run go through one `Book`: it is opened inside a transaction by taking the run's row (so transitions of
one run serialise and `seq` order is commit order), it is read and written in memory, and closing it writes everything
in a few bulk statements. Every update still says which phase it expects, so a writer that came round the lock loses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

from django.db import connection, transaction

from runs.domain.errors import ForbiddenTransition, NotFound, StaleTransition
from runs.domain.phases import LIVE, TERMINAL, Cause, Escalation, Phase, may_move
from runs.engine import concurrency
from runs.engine.book.rows import (
    COLUMNS,
    INSERTED,
    Draft,
    Row,
    read_by_id,
    read_by_name,
    row_of,
    values_of_row,
    values_of_table,
)
from runs.engine.executors import places
from runs.models import Abort, Action, Run
from runs.store import hints, metrics
from runs.store.bulk import chunks, insert, plain, plain_row, select

_LIVE = sorted(LIVE)

# All descendants of the given actions, whatever their phase; the walk uses the index on parent_id.
_DESCENDANTS = """
WITH RECURSIVE below(id) AS (
    SELECT id FROM runs_action WHERE parent_id IN (%s)
    UNION ALL
    SELECT child.id FROM runs_action child JOIN below ON child.parent_id = below.id
)
SELECT id FROM below
"""


# What the next attempt does not inherit.
_NOT_REFUSING = {
    "forced_at": None, "escalation": Escalation.NONE, "refusing_since": None, "escalates_at": None, "stuck_in": "",
}  # fmt: skip
_TAKE_SEQ = (
    "UPDATE runs_run SET seq = seq + 1 WHERE id = %s "
    "RETURNING id, seq, name, org, base_uri, envs, relation, related_to_id, project_id, domain, max_actions, "
    "(SELECT name FROM runs_project WHERE id = runs_run.project_id) AS project_name"
)
_IDS = "SELECT id, name FROM runs_action WHERE name IN ({}) AND run_id = %s"
_WITH_LIVE_CHILDREN = f"SELECT DISTINCT parent_id FROM runs_action WHERE parent_id IN ({{}}) AND phase IN ({', '.join(map(str, map(int, _LIVE)))})"  # noqa: S608
_EVENT = ["run_id", "action_id", "seq", "from_phase", "to_phase", "attempt", "cause", "actor", "at"]
_ATTEMPT = [
    "action_id", "number", "executor_id", "lease_epoch", "leased_at", "output_uri", "outcome", "error_code",
    "error_kind", "error_message",
]  # fmt: skip


class Book:
    """One transaction's view of one run. Get one from `open_run`."""

    def __init__(self, run: Run, seq: int, project: str) -> None:
        self.run = run
        self.project = project  # its name
        self.seq = seq
        self._rows: dict[int, Row] = {}
        self._by_name: dict[str, Row] = {}
        self._absent: set[str] = set()  # names that the run did not have
        self._dirty: dict[int, Row] = {}
        self._new: list[Row] = []
        self._events: list[tuple[Row, tuple[Any, ...]]] = []
        self._attempts: list[tuple[Row, tuple[Any, ...]]] = []
        # By row and lease_epoch.
        self._attempt_changes: dict[tuple[int, int], tuple[Row, dict[str, Any]]] = {}
        self.ended: list[Row] = []
        self.root_changed = False
        self.made: dict[str, int] = {}  # rows that this transaction made, by key, for `creation`
        self.tasks: dict[
            str, Any
        ] = {}  # what all its actions of a task have in common, by the digest of its spec, for `creation`
        self.alone: set[str] | None = None  # names of tasks that run alone, once `manners` has read them

    # --- reading ------------------------------------------------------------------------------------------------

    def load(self, names: Iterable[str]) -> None:
        """Read the actions of these names (one statement per 900); `find` then needs no database."""
        # What was not there is not there still: nobody else writes while this book is open.
        missing = [
            name for name in dict.fromkeys(names) if name not in self._by_name and name not in self._absent
        ]
        self._remember(read_by_name(self.run.pk, missing))
        self._absent.update(name for name in missing if name not in self._by_name)

    def find(self, name: str) -> Row | None:
        return self._by_name.get(name)

    def get(self, name: str) -> Row:
        """The action of this name, or NotFound."""
        if name not in self._by_name:
            self.flush()
            self.load([name])
        if (row := self._by_name.get(name)) is None:
            raise NotFound(f"run {self.run.name} has no action {name!r}")
        return row

    def by_id(self, ids: Iterable[int]) -> list[Row]:
        """The actions of these ids, in that order."""
        ids = list(ids)
        self._remember(read_by_id([i for i in ids if i not in self._rows]))
        return [self._rows[i] for i in ids]

    def live(self) -> list[Row]:
        """All non-terminal actions of the run, in order of creation."""
        self.flush()
        live = Action.objects.filter(run_id=self.run.pk, phase__in=_LIVE).order_by("id")
        self._remember(map(row_of, live.values_list(*COLUMNS)))
        return [row for row in sorted(self._rows.values(), key=lambda row: row.id) if row.is_live]

    def live_descendants(self, ids: Collection[int]) -> list[Row]:
        """All non-terminal actions below these, nearest to the top first."""
        return [row for row in self.descendants(ids) if row.is_live]

    def descendants(self, ids: Collection[int]) -> list[Row]:
        """All actions below these, nearest to the top first: whoever creates is older than what it creates."""
        self.flush()
        below: list[int] = []
        for chunk in chunks(list(ids)):
            with connection.cursor() as cursor:
                cursor.execute(_DESCENDANTS % ",".join(["%s"] * len(chunk)), chunk)
                below.extend(row[0] for row in cursor.fetchall())
        return self.by_id(sorted(set(below)))

    def parents_of_live(self, ids: Collection[int]) -> set[int]:
        """Which of these have a non-terminal child."""
        self.flush()
        return {parent for (parent,) in select(_WITH_LIVE_CHILDREN, list(ids))}

    def _remember(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if row.id not in self._rows:
                self._adopt(row)

    def _adopt(self, row: Row) -> None:
        self._rows[row.id] = row
        self._by_name[row.name] = row

    # --- writing ------------------------------------------------------------------------------------------------

    def create(self, action: Draft, *, cause: Cause, actor: str, at: datetime) -> None:
        """Insert an action in the phase that it has. Its row can be found, and moved, at once; `flush` gives it an id."""
        action.changed_seq = self.seq
        row = row_of([0, *values_of_row(action)])
        row.new = action
        self._new.append(row)
        self._by_name[row.name] = row
        self._event(row, None, row.phase, cause, actor, at)
        self.root_changed |= action.parent_id is None
        hints.publish_due(action.due_at)

    def move(
        self, row: Row, to: Phase, *, cause: Cause, at: datetime, actor: str = "", **fields: Any
    ) -> None:
        """Change the phase, or raise StaleTransition (the row is terminal) or ForbiddenTransition (a bug)."""
        if row.phase in TERMINAL:
            when = row.ended_at.isoformat() if row.ended_at else "before"
            raise StaleTransition(
                f"action {row.name} was {row.phase.label.lower()} already, at {when}", row.phase
            )
        if not may_move(row.phase, to):
            raise ForbiddenTransition(f"action {row.name} may not move from {row.phase.name} to {to.name}")
        self._event(row, row.phase, to, cause, actor, at)
        row.phase = to
        if to in TERMINAL:
            row.ended_at = fields["ended_at"] = max(at, row.started_at or at)
            self.ended.append(row)
            fields |= {"escalates_at": None} if row.escalation else {}
            if row.cache_key:
                hints.publish(hints.WORKERS)  # its outputs are to be kept, and others may wait for them
        elif to is Phase.RUNNING and row.started_at is None:
            row.started_at = fields["started_at"] = at
        elif to is Phase.QUEUED:
            fields = {"queued_at": at, "executor_id": None, "not_before": None, "goes_on": ""} | fields
            fields |= _NOT_REFUSING if row.escalation or row.forced_at else {}
        # The time that a retry holds back is not spent in the queue.
        due_at = row.due(to, fields.get("not_before") or at)
        if due_at != row.due_at:
            fields["due_at"] = due_at
        self.set(row, phase=to, **fields)

    def set(self, row: Row, **fields: Any) -> None:
        """Change other columns of a row."""
        hints.publish_due(fields.get("due_at"), fields.get("not_before"))
        for name, value in fields.items():
            if name in Row.__slots__:
                setattr(row, name, value)
        if row.new is not None:
            for name, value in fields.items():
                setattr(row.new, name, value)
        else:
            row.updates.update(fields)
            self._dirty[row.id] = row
        self.root_changed |= row.parent_id is None

    def touch(self, row: Row) -> None:
        """Have pages read the row again: something that it shows of others has changed."""
        self._dirty[row.id] = row

    def set_reason(self, abort: Abort, reason: str) -> None:
        """Write why, and have pages read again what the abort has reached. Two statements."""
        self.flush()
        Abort.objects.filter(pk=abort.pk).update(reason=reason)
        Action.objects.filter(abort_id=abort.pk).update(changed_seq=self.seq)
        self.root_changed |= abort.scope == Abort.Scope.RUN

    def note(self, row: Row, *, cause: Cause, actor: str, at: datetime) -> None:
        """Record something that changed no phase."""
        self._event(row, row.phase, row.phase, cause, actor, at)

    def _event(self, row: Row, was: Phase | None, to: Phase, cause: Cause, actor: str, at: datetime) -> None:
        moved = (self.seq, was and int(was), int(to), row.attempt, str(cause), actor, plain(at))
        self._events.append((row, moved))

    def open_attempt(self, row: Row, *, at: datetime, output_uri: str) -> None:
        """Record a start of the attempt that the row's lease_epoch stands for."""
        number, executor = row.attempt, plain(row.executor_id)
        opened = (number, executor, row.lease_epoch, plain(at), output_uri, "", "", "", "")
        self._attempts.append((row, opened))

    def set_attempt(self, row: Row, **fields: Any) -> None:
        """Change the attempt that the row's lease_epoch stands for."""
        self._attempt_changes.setdefault((id(row), row.lease_epoch), (row, {}))[1].update(fields)

    # --- closing ------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what is pending, so that a query sees it."""
        self._insert_new()
        self._update_rows()
        insert("runs_attempt", _ATTEMPT, [(row.id, *opened) for row, opened in self._attempts])
        self._attempts = []
        self._update_attempts()
        insert("runs_actionevent", _EVENT, [(self.run.pk, row.id, *moved) for row, moved in self._events])
        self._events = []

    def _insert_new(self) -> None:
        if not self._new:
            return
        insert("runs_action", INSERTED, [plain_row(values_of_table(row.new)) for row in self._new])
        for row_id, name in select(_IDS, [row.name for row in self._new], self.run.pk):
            row = self._by_name[name]
            row.id, row.new, row.stored_phase = row_id, None, row.phase
            self._rows[row_id] = row
        self._new = []

    def _update_rows(self) -> None:
        by_columns: dict[tuple[str, ...], list[Row]] = defaultdict(list)
        for row in self._dirty.values():
            by_columns[tuple(sorted(row.updates))].append(row)
        for columns, rows in by_columns.items():
            assignments = "".join(f"{connection.ops.quote_name(column)} = %s, " for column in columns)
            params = [
                [*plain_row(map(row.updates.__getitem__, columns)), self.seq, row.id, int(row.stored_phase)]
                for row in rows
            ]
            sql = f"UPDATE runs_action SET {assignments}changed_seq = %s WHERE id = %s AND phase = %s"  # noqa: S608
            with connection.cursor() as cursor:
                cursor.executemany(sql, params)
                if cursor.rowcount != len(rows):
                    raise StaleTransition(
                        f"an action of {self.run.name} was changed past its lock", rows[0].phase
                    )
            for row in rows:
                row.updates, row.stored_phase = {}, row.phase
        self._dirty = {}

    def _update_attempts(self) -> None:
        by_columns: dict[tuple[str, ...], list[list[Any]]] = defaultdict(list)
        for (_, epoch), (row, changed) in self._attempt_changes.items():
            by_columns[tuple(changed)].append([*plain_row(changed.values()), row.id, epoch])
        for columns, changes in by_columns.items():
            assignments = ", ".join(f"{connection.ops.quote_name(column)} = %s" for column in columns)
            sql = f"UPDATE runs_attempt SET {assignments} WHERE action_id = %s AND lease_epoch = %s"  # noqa: S608
            with connection.cursor() as cursor:
                cursor.executemany(sql, changes)
        self._attempt_changes = {}

    def measure(self) -> None:
        """Count what has ended, once that is committed. One statement, when something that was held was aborted."""
        held = [row.id for row in self.ended if row.abort_id is not None and row.executor_id is not None]
        stopped = [
            metrics.Stopped(*facts)
            for chunk in chunks(held)
            for facts in Action.objects.filter(pk__in=chunk).values_list(
                "abort__cause", "abort__requested_at", "delivered_at", "ended_at"
            )
        ]
        ended = [row.phase.slug for row in self.ended]
        transaction.on_commit(partial(metrics.observe, ended, stopped), robust=True)


@contextmanager
def open_run(run_id: int) -> Iterator[Book]:
    """Open the book of a run: takes its row lock and the next seq; closing writes, and hints on commit."""
    with transaction.atomic():
        taken = list(Run.objects.raw(_TAKE_SEQ, [run_id]))
        if not taken:
            raise NotFound(f"there is no run with id {run_id}")
        book = Book(taken[0], taken[0].seq, vars(taken[0])["project_name"])
        yield book
        book.flush()
        book.measure()
        if any(row.parent_id is None for row in book.ended):
            places.release(run_id)
        concurrency.announce_room(book.run)
        hints.publish(hints.run_group(run_id), book.seq)
        if book.root_changed:
            hints.publish(hints.RUNS)
