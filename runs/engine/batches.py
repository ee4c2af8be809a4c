"""Use case of an executor's event batch: applied once, in one transaction, in the order in which things happened.

Grouped by run: for each run one Book, a few bulk statements whatever the number of events. A batch that comes again
(the executor did not see the acknowledgement) changes nothing and is answered from what is stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import DataError, IntegrityError, connection, transaction

from runs.domain.errors import ExecutorError, FlyteUIError, Invalid, LeaseLost, NotFound, RunEnded
from runs.domain.names import BUILDER_POOL, ROOT
from runs.domain.phases import Cause, Escalation, Phase
from runs.domain.retries import Ending, How
from runs.domain.specs import NewAction, read_action
from runs.engine import logs, manners
from runs.engine.aborts import abort_row
from runs.engine.book.book import Book, open_run
from runs.engine.book.rows import Row
from runs.engine.creation import add_action, check_open
from runs.engine.endings import end_attempt, read_ending
from runs.engine.escalation import MAX_STACK, note_refusal, stop_executor, why_stopped
from runs.engine.executors import blocks, heartbeats, usage
from runs.engine.images import table as images
from runs.engine.leases import Clock, attempt_uri, free_slots, lease, lease_frame
from runs.engine.recovery import find_recovered
from runs.engine.secrets import Vault
from runs.models import Abort, Attempt, Executor
from runs.protocol import bounds, frames
from runs.store import hints
from runs.store.bulk import plain
from runs.store.clock import wall_time

log = structlog.get_logger(__name__)
MAX_GOES_ON = 300  # characters
_CODES: dict[type[FlyteUIError], str] = {
    NotFound: "not_found",
    RunEnded: "aborted",
    Invalid: "invalid_argument",
}
# What a database, a clock or an enumeration says of a value that it cannot hold.
UNSTORABLE = (DataError, IntegrityError, OverflowError, ValueError)
_Numbered = tuple[int, frames.Event]  # an event, and its place in the batch


@dataclass(slots=True)
class Applied:
    """The answer to a batch. run_ids: the runs that it touched, with their seq."""

    results: list[frames.EnqueueResult] = field(default_factory=list)
    run_seqs: dict[int, int] = field(default_factory=dict)


def apply_batch(executor_id: UUID, epoch: int, batch: frames.Batch, *, clock: Clock = wall_time) -> Applied:
    """Apply an executor's events.

    Raises LeaseLost when the server has given this executor up, ExecutorError when an earlier batch is missing.
    """
    with transaction.atomic():
        executor = _lock_executor(executor_id)
        if executor is None or executor.epoch != epoch or executor.state == Executor.State.GONE:
            raise LeaseLost(f"executor {executor_id} with epoch {epoch} has been given up")
        repeated = batch.seq <= executor.acked_seq
        if batch.seq > executor.acked_seq + 1:
            raise ExecutorError(
                f"batch {batch.seq} came before batch {executor.acked_seq + 1}; nothing of it was applied"
            )
        by_run: dict[int, list[_Numbered]] = defaultdict(list)
        samples: list[usage.Sample] = []
        for index, event in enumerate(batch.events):
            if isinstance(event, frames.Enqueue):
                by_run[event.run].append((index, event))
            elif repeated:
                continue
            elif isinstance(event, frames.LoopState):
                _note(blocks.note, executor, event)
            elif isinstance(event, frames.Using):
                samples += event.samples
            else:
                by_run[event.key.run].append((index, event))
        applied = Applied()
        asks = any(isinstance(event, frames.Enqueue) for event in batch.events)
        room = free_slots(executor) if asks else 0
        for run_id, run_events in sorted(by_run.items()):
            # A batch that fails is sent again for ever, so what cannot be applied must not keep the others from it.
            try:
                room = _apply_events(applied, executor, run_id, run_events, room, clock)
            except UNSTORABLE:
                executor.refresh_from_db()
                room = _apply_singly(applied, executor, run_id, run_events, room, clock)
        if samples:  # behind what locks runs, because both write attempts
            _note(usage.keep, executor, samples)
        heartbeats.record(executor_id, epoch, acked_seq=max(batch.seq, executor.acked_seq))
    applied.results.sort(key=lambda result: result.index)
    return applied


def _lock_executor(executor_id: UUID) -> Executor | None:
    """Of each batch: a query set takes longer to become this text."""
    lock = " FOR UPDATE" if connection.features.has_select_for_update else ""
    found = Executor.objects.raw(f"SELECT * FROM runs_executor WHERE id = %s{lock}", [plain(executor_id)])  # noqa: S608
    return next(iter(found), None)


def _apply_events(
    applied: Applied, executor: Executor, run_id: int, events: list[_Numbered], room: int, clock: Clock
) -> int:
    """Apply events of one run and add the answers; returns the room that is left. Raises UNSTORABLE; then nothing is applied."""
    try:
        with open_run(run_id) as book:
            page = _Page(book, executor, room, clock)
            page.apply(events)
    except NotFound as error:  # the run was deleted
        _refuse(applied, events, error)
        return room
    applied.results.extend(page.results)
    applied.run_seqs[run_id] = book.seq
    return page.room


def _apply_singly(
    applied: Applied, executor: Executor, run_id: int, events: list[_Numbered], room: int, clock: Clock
) -> int:
    """The same, one after another: of one that no column can hold the bare fact is applied, and if that fails too, nothing."""
    for index, event in events:
        try:
            room = _apply_events(applied, executor, run_id, [(index, event)], room, clock)
        except UNSTORABLE as error:
            log.warning("an event was refused", run=run_id, kind=type(event).__name__, error=str(error)[:300])
            _refuse(applied, [(index, event)], Invalid(f"the server cannot store this action: {error}"))
            executor.refresh_from_db()
            if fact := bounds.bare(event):
                with suppress(*UNSTORABLE):
                    room = _apply_events(applied, executor, run_id, [(index, fact)], room, clock)
    return room


def _note(note: Callable[[Executor, Any], None], executor: Executor, what: Any) -> None:
    """Of the executor itself, not of a run."""
    try:
        with transaction.atomic():
            note(executor, what)
    except UNSTORABLE as error:
        log.warning("an event was refused", kind=note.__module__, error=str(error)[:300])
        executor.refresh_from_db()


def _refuse(applied: Applied, events: list[_Numbered], error: FlyteUIError) -> None:
    asked = [index for index, event in events if isinstance(event, frames.Enqueue)]
    applied.results.extend(frames.EnqueueResult(index, _CODES[type(error)], error.message) for index in asked)


def _read(event: frames.Enqueue) -> NewAction | FlyteUIError:
    """What is asked for, or why that is refused."""
    try:
        new = read_action(event.action)
    except FlyteUIError as error:
        return error
    return replace(new, failure=event.failure) if new.failure and event.failure else new


class _Page:
    """The events of one run in one batch."""

    def __init__(self, book: Book, executor: Executor, room: int, clock: Clock) -> None:
        self.book = book
        self._clock = clock
        self.executor = executor
        self.room = room
        self.results: list[frames.EnqueueResult] = []
        self._printed: list[logs.Printed] = []
        self._read: dict[int, NewAction | FlyteUIError] = {}  # what is asked for, by the event's place
        self._asked: list[tuple[int, frames.Enqueue, NewAction]] = []
        self._parents: set[int] = set()
        self._vault = Vault(book.run)

    def _when(self, at: int) -> datetime:
        """An executor's instant, never later than the server's own clock."""
        return min(datetime.fromtimestamp(at / 1e6, UTC), self._clock())

    def apply(self, run_events: list[_Numbered]) -> None:
        self._prefetch(run_events)
        for index, event in run_events:
            match event:
                case frames.Enqueue():
                    self._enqueue(index, event)
                case frames.Started():
                    self._started(event)
                case frames.Finished():
                    self._finished(event)
                case frames.AbortChild():
                    self._abort_child(event)
                case frames.Delivered():
                    self._delivered(event)
                case frames.Refusing():
                    self._refusing(event)
                case frames.GoesOn():
                    self._goes_on(event)
                case frames.LogLines():
                    self._log(event)
                case frames.Returned():
                    self._returned(event)
                case frames.Built():
                    self._built(event)
        self._settle()
        if self._printed:
            logs.keep(self.executor.pk, self.executor.epoch, self._printed)
            hints.publish(hints.run_log_group(self.book.run.pk))

    def _prefetch(self, run_events: list[_Numbered]) -> None:
        """Read all rows that the events speak of, and which of the finished ones have live children."""
        names: list[str] = [ROOT]
        finished: list[str] = []
        for index, event in run_events:
            if isinstance(event, frames.Enqueue):
                names.append(event.parent)
                self._read[index] = new = _read(event)
                if isinstance(new, NewAction):
                    names.append(new.name)
            elif not isinstance(event, frames.LoopState | frames.Using):
                names.append(event.key.name)
                if isinstance(event, frames.Finished):
                    finished.append(event.key.name)
                elif isinstance(event, frames.AbortChild):
                    names.append(event.parent)
        self.book.load(names)
        ids = [row.id for name in finished if (row := self.book.find(name))]
        self._parents = self.book.parents_of_live(ids) if ids else set()

    # --- enqueue ------------------------------------------------------------------------------------------------

    def _enqueue(self, index: int, event: frames.Enqueue) -> None:
        """Keep the request; neighbours in the batch are then recorded and leased together by `_settle`."""
        new = self._read[index]
        if isinstance(new, NewAction):
            self._asked.append((index, event, new))
        else:
            self._refuse(index, new)

    def _refuse(self, index: int, error: FlyteUIError) -> None:
        self.results.append(
            frames.EnqueueResult(index, _CODES.get(type(error), "invalid_argument"), error.message)
        )

    def _settle(self) -> None:
        """Record the requests that were kept, lease what may run here, and answer them."""
        asked, self._asked = self._asked, []
        if not asked:
            return
        book, at = self.book, self._clock()
        created: set[str] = set()
        recovered = find_recovered(book.run, [new for _, _, new in asked])
        for index, event, new in asked:
            try:
                parent = book.get(event.parent)
                if book.find(new.name):
                    continue
                self._check_holder(parent)
                check_open(book, parent)
                add_action(book, new, parent, at=at, recovered=recovered.get(new.name))
                created.add(new.name)
                self._parents.add(parent.id)
            except FlyteUIError as error:
                self._refuse(index, error)
        refused = {result.index for result in self.results}
        for index, _, new in asked:
            if index not in refused:
                self._answer(index, book.get(new.name), new, is_new=new.name in created, at=at)

    def _check_holder(self, parent: Row) -> None:
        if parent.executor_id != self.executor.pk:
            raise RunEnded(f"action {parent.name} is not held by this executor any more")

    def _answer(self, index: int, row: Row, new: NewAction, *, is_new: bool, at: datetime) -> None:
        """ok or already_exists, with a lease when this executor is to run it (or was, in an answer that was lost)."""
        code = "ok" if is_new else "already_exists"
        given: frames.Lease | None = None
        mine = row.executor_id == self.executor.pk and row.phase is Phase.INITIALIZING
        if row.phase is Phase.QUEUED and row.abort_id is None and self._may_run(row, at):
            given = lease_frame(self.book, row, lease(self.book, row, self.executor.pk, at=at))
            self.room -= 1
        elif mine:
            given = lease_frame(self.book, row, attempt_uri(self.book, row))
        elif row.phase is Phase.QUEUED and row.pool_id is not None:
            hints.publish_work(row.pool_id)
        if given is not None and new.task is not None:
            given = self._vault.fill(given, new.task.secrets)
        self.results.append(frames.EnqueueResult(index, code, lease=given))

    def _may_run(self, row: Row, at: datetime) -> bool:
        return (
            (row.not_before is None or row.not_before <= at)
            and row.pool_id == self.executor.pool_id
            and not self.book.run.max_actions  # then `lease_queued` counts
            and self.room > 0
            and self.executor.state == Executor.State.CONNECTED
        )

    # --- what happened to held actions --------------------------------------------------------------------------

    def _held(self, key: frames.Key, epoch: int) -> Row | None:
        """The row, when this executor holds it with this epoch; a report of an older lease is refused (law 11)."""
        self._settle()
        row = self.book.find(key.name)
        if row is None or row.executor_id != self.executor.pk or row.lease_epoch != epoch or not row.is_live:
            return None
        return row

    def _started(self, event: frames.Started) -> None:
        if (row := self._held(event.key, event.epoch)) and row.phase is Phase.INITIALIZING:
            at = self._when(event.at)
            self.book.move(
                row,
                Phase.RUNNING,
                cause=Cause.STARTED,
                at=at,
                actor=str(self.executor),
                is_isolated=event.is_isolated,
            )
            self.book.set_attempt(row, started_at=at)

    def _delivered(self, event: frames.Delivered) -> None:
        # Without an abort nothing was delivered; an instant here would keep the cancel of a later one from being sent.
        if (row := self._held(event.key, event.epoch)) and row.abort_id is not None:
            self.book.set(row, delivered_at=self._when(event.at))

    def _refusing(self, event: frames.Refusing) -> None:
        if (row := self._held(event.key, event.epoch)) is None:
            return
        note_refusal(self.book, row, event, at=self._when(event.at), actor=str(self.executor))
        if row.escalation == Escalation.PROCESS:
            stop_executor(self.executor, why_stopped(self.executor, row, self.book.run.name))

    def _goes_on(self, event: frames.GoesOn) -> None:
        if row := self._held(event.key, event.epoch):
            since, stack = self._when(event.since), event.stack[-MAX_STACK:]
            self.book.set(row, goes_on=event.what[:MAX_GOES_ON], code_ended_at=since, stuck_in=stack)

    def _finished(self, event: frames.Finished) -> None:
        if row := self._held(event.key, event.epoch):
            ending = read_ending(event, attempt_uri(self.book, row))
            is_childless = row.id not in self._parents
            at = self._when(event.at)
            manners.note_ending(self.book, row, event, at)
            if event.cpu_seconds or event.peak_memory_bytes:
                self.book.set_attempt(
                    row, cpu_seconds=event.cpu_seconds, peak_memory_bytes=event.peak_memory_bytes or None
                )
            end_attempt(self.book, row, ending, at=at, actor=str(self.executor), is_childless=is_childless)

    def _returned(self, event: frames.Returned) -> None:
        if (row := self._held(event.key, event.epoch)) and row.phase is Phase.INITIALIZING:
            ending = Ending(How.INTERRUPTED, reason="given back before it started")
            end_attempt(self.book, row, ending, at=self._clock())

    def _built(self, event: frames.Built) -> None:
        # Executors of user code share the protocol; only the builder's own may say what an image is.
        if self._held(event.key, event.epoch) and self.executor.pool.key == BUILDER_POOL:
            images.note_built(self.book.run, event)

    def _abort_child(self, event: frames.AbortChild) -> None:
        self._settle()
        row, parent = self.book.find(event.key.name), self.book.find(event.parent)
        if row is None or parent is None or not row.is_live:
            return
        # Only who holds the parent speaks for it: where it runs now, it may be waiting for this child (law 11).
        if row.parent_id != parent.id or parent.executor_id != self.executor.pk:
            return
        # An attempt that is stopped for a limit loses what it awaits; the next attempt will wait for it again.
        if parent.abort_id is not None and not parent.is_ending:
            return
        abort_row(
            self.book, row, scope=Abort.Scope.ACTION, cause=Cause.CANCELLED_BY_PARENT, actor=event.parent,
            reason=f"its parent {event.parent} cancelled it", at=self._when(event.at),
        )  # fmt: skip

    # --- logs ---------------------------------------------------------------------------------------------------

    def _log(self, event: frames.LogLines) -> None:
        self._settle()
        if (row := self.book.find(event.key.name)) and self._has_held(row, event.attempt):
            self._printed.append(logs.Printed(row.id, event.attempt, event.lines))

    def _has_held(self, row: Row, attempt: int) -> bool:
        """Whether this executor has or had the attempt; an executor speaks for no other. One statement where it has not."""
        is_here = row.executor_id == self.executor.pk
        return (
            is_here
            or Attempt.objects.filter(action_id=row.id, number=attempt, executor_id=self.executor.pk).exists()
        )
