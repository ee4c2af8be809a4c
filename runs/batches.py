"""Use case of an executor's event batch: applied once, in one transaction, in the order in which things happened.

Grouped by run: for each run one Book, a few bulk statements whatever the number of events. A batch that comes again
(the executor did not see the acknowledgement) changes nothing and is answered from what is stored.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from runs import events, transitions
from runs.aborts import abort_left_behind, abort_row
from runs.errors import ExecutorError, FlyteUIError, Invalid, LeaseLost, NotFound, RunEnded
from runs.executor import frames
from runs.leases import Clock, attempt_uri, lease, lease_frame, requeue, state_when_here
from runs.models import Abort, Action, Executor, LogChunk
from runs.names import ROOT
from runs.operations import add_action, check_open, end
from runs.phases import LIVE, Cause, Escalation, Phase
from runs.recovery import find_recovered
from runs.refusals import note_refusal, stop_executor
from runs.specs import NewAction, read_action
from runs.timeouts import retry, timed_out
from runs.transitions import Book, Row

_CODES: dict[type[FlyteUIError], str] = {
    NotFound: "not_found",
    RunEnded: "aborted",
    Invalid: "invalid_argument",
}
_ABORTED = "ActionAbortedError"
MAX_LOG_BYTES = 10 * 1024 * 1024  # an attempt's log; what is beyond is dropped, and the log says so


@dataclass(slots=True)
class Applied:
    """The answer to a batch. run_ids: the runs that it touched, with their seq."""

    results: list[frames.EnqueueResult] = field(default_factory=list)
    run_seqs: dict[int, int] = field(default_factory=dict)


def apply_batch(
    executor_id: UUID, epoch: int, batch: frames.Batch, *, clock: Clock = timezone.now
) -> Applied:
    """Apply an executor's events.

    Raises LeaseLost when the server has given this executor up, ExecutorError when an earlier batch is missing.
    """
    with transaction.atomic():
        executor = Executor.objects.select_for_update().filter(pk=executor_id).first()
        if executor is None or executor.epoch != epoch or executor.state == Executor.State.GONE:
            raise LeaseLost(f"executor {executor_id} with epoch {epoch} has been given up")
        repeated = batch.seq <= executor.acked_seq
        if batch.seq > executor.acked_seq + 1:
            raise ExecutorError(
                f"batch {batch.seq} came before batch {executor.acked_seq + 1}; nothing of it was applied"
            )
        by_run: dict[int, list[tuple[int, frames.Event]]] = defaultdict(list)
        for index, event in enumerate(batch.events):
            if isinstance(event, frames.Enqueue):
                by_run[event.run].append((index, event))
            elif repeated:
                continue
            elif isinstance(event, frames.LoopState):
                _note_loop(executor, event)
            else:
                by_run[event.key.run].append((index, event))
        applied = Applied()
        room = 0
        if any(isinstance(event, frames.Enqueue) for event in batch.events):
            room = (
                executor.capacity - Action.objects.filter(executor=executor, phase__in=sorted(LIVE)).count()
            )
        for run_id, run_events in sorted(by_run.items()):
            try:
                with transitions.open_run(run_id) as book:
                    page = _Page(book, executor, room, clock)
                    page.apply(run_events)
            except NotFound as error:
                # The run was deleted. A batch that fails is sent again for ever, so the other runs must have their part.
                applied.results.extend(_not_found(run_events, error))
                continue
            room = page.room
            applied.results.extend(page.results)
            applied.run_seqs[run_id] = book.seq
        if not repeated:
            Executor.objects.filter(pk=executor_id).update(acked_seq=batch.seq)
    applied.results.sort(key=lambda result: result.index)
    return applied


def _note_loop(executor: Executor, event: frames.LoopState) -> None:
    """A loop that user code blocks starts nothing: it gets no leases, and another executor of its pool does."""
    if executor.state in {Executor.State.CONNECTED, Executor.State.BLOCKED, Executor.State.DRAINING}:
        executor.state = state_when_here(executor) if event.responsive else Executor.State.BLOCKED
        executor.save(update_fields=["state"])
        events.publish(events.pool_group(executor.pool_id))
        events.publish(events.WORKERS)


def _not_found(run_events: list[tuple[int, frames.Event]], error: NotFound) -> list[frames.EnqueueResult]:
    asked = [index for index, event in run_events if isinstance(event, frames.Enqueue)]
    return [frames.EnqueueResult(index, _CODES[NotFound], error.message) for index in asked]


class _Page:
    """The events of one run in one batch."""

    def __init__(self, book: Book, executor: Executor, room: int, clock: Clock) -> None:
        self.book = book
        self._clock = clock
        self.executor = executor
        self.room = room
        self.results: list[frames.EnqueueResult] = []
        self._logs: list[LogChunk] = []
        self._asked: list[tuple[int, frames.Enqueue, NewAction]] = []
        self._parents: set[int] = set()

    def _when(self, at: int) -> datetime:
        """An executor's instant, never later than the server's own clock."""
        return min(datetime.fromtimestamp(at / 1e6, UTC), self._clock())

    def apply(self, run_events: list[tuple[int, frames.Event]]) -> None:
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
                case frames.LogLines():
                    self._log(event)
                case frames.Returned():
                    self._returned(event)
        self._settle()
        LogChunk.objects.bulk_create(self._logs)

    def _prefetch(self, run_events: list[tuple[int, frames.Event]]) -> None:
        """Read all rows that the events speak of, and which of the finished ones have live children."""
        names: list[str] = [ROOT]
        finished: list[str] = []
        for _, event in run_events:
            if isinstance(event, frames.Enqueue):
                names.append(event.parent)
            elif not isinstance(event, frames.LoopState):
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
        try:
            new = read_action(event.action)
            if new.failure and event.failure:
                new = replace(new, failure=event.failure)
            self._asked.append((index, event, new))
        except FlyteUIError as error:
            self._refuse(index, error)

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
        book.load(new.name for _, _, new in asked)
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
                self._answer(index, book.get(new.name), is_new=new.name in created, at=at)

    def _check_holder(self, parent: Row) -> None:
        if parent.executor_id != self.executor.pk:
            raise RunEnded(f"action {parent.name} is not held by this executor any more")

    def _answer(self, index: int, row: Row, *, is_new: bool, at: datetime) -> None:
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
            events.publish(events.pool_group(row.pool_id))
            events.publish(events.WORKERS)
        self.results.append(frames.EnqueueResult(index, code, lease=given))

    def _may_run(self, row: Row, at: datetime) -> bool:
        return (
            (row.not_before is None or row.not_before <= at)
            and row.pool_id == self.executor.pool_id
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
            self.book.move(row, Phase.RUNNING, cause=Cause.STARTED, at=at, actor=str(self.executor))
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
            stop_executor(self.executor, f"{row.name} of run {self.book.run.name} refuses to stop")

    def _finished(self, event: frames.Finished) -> None:
        if (row := self._held(event.key, event.epoch)) is None:
            return
        at = self._when(event.at)
        if event.outcome == "interrupted":
            requeue(
                self.book,
                row,
                cause=Cause.SHUTDOWN,
                reason="the executor was stopped in an orderly way",
                at=at,
            )
            return
        if event.outcome == "lost" and event.failure is not None:
            requeue(self.book, row, cause=Cause.EXECUTOR_LOST, reason=event.failure.message, at=at)
            return
        self._close_attempt(row, event, at)
        if self._may_retry(row, event):
            retry(self.book, row, at=at)
            return
        phase, failure = _outcome(event)
        end(
            self.book,
            row,
            phase,
            at=at,
            failure=failure,
            output_uri=attempt_uri(self.book, row),
            actor=str(self.executor),
        )
        if row.id in self._parents:
            abort_left_behind(self.book, [row], at=at)

    def _close_attempt(self, row: Row, event: frames.Finished, at: datetime) -> None:
        failure = timed_out(row, at) if row.exceeded else event.failure
        outcome = "timed_out" if row.exceeded else "aborted" if row.abort_id else event.outcome
        self.book.set_attempt(
            row, ended_at=at, outcome=outcome,
            error_code=failure.code[:255] if failure else "", error_kind=failure.kind if failure else "",
            error_message=failure.message if failure else "",
        )  # fmt: skip

    def _may_retry(self, row: Row, event: frames.Finished) -> bool:
        """A user's recoverable failure has attempts left; what is being aborted, or failed of an abort, has none."""
        return (
            event.outcome == "failed"
            and event.failure is not None
            and event.failure.recoverable
            and event.failure.code != _ABORTED
            and row.abort_id is None
            and row.attempt < row.max_attempts
        )

    def _returned(self, event: frames.Returned) -> None:
        if (row := self._held(event.key, event.epoch)) and row.phase is Phase.INITIALIZING:
            requeue(
                self.book, row, cause=Cause.SHUTDOWN, reason="given back before it started", at=self._clock()
            )

    def _abort_child(self, event: frames.AbortChild) -> None:
        self._settle()
        row, parent = self.book.find(event.key.name), self.book.find(event.parent)
        if row is None or parent is None or not row.is_live:
            return
        # Only who holds the parent speaks for it: where it runs now, it may be waiting for this child (law 11).
        if row.parent_id != parent.id or parent.executor_id != self.executor.pk:
            return
        # An attempt that is stopped for a limit loses what it awaits; the next attempt will wait for it again.
        if parent.abort_id is not None and not parent.is_aborting:
            return
        abort_row(
            self.book, row, scope=Abort.Scope.ACTION, cause=Cause.CANCELLED_BY_PARENT, actor=event.parent,
            reason=f"its parent {event.parent} cancelled it", at=self._when(event.at),
        )  # fmt: skip

    # --- logs ---------------------------------------------------------------------------------------------------

    def _log(self, event: frames.LogLines) -> None:
        self._settle()
        if row := self.book.find(event.key.name):
            lines = json.dumps(event.lines, ensure_ascii=False, separators=(",", ":")).encode()
            self._logs.append(LogChunk(action_id=row.id, attempt=event.attempt, lines=lines))
            events.publish(events.log_group(row.id))


def _outcome(event: frames.Finished) -> tuple[Phase, frames.Failure | None]:
    """The phase that an executor's word stands for."""
    if event.outcome == "succeeded":
        return Phase.SUCCEEDED, None
    if event.outcome == "cancelled":
        # Nobody asked for it: user code raised CancelledError itself, or awaited a task that was cancelled.
        message = "the action raised asyncio.CancelledError although nobody asked to abort it"
        return Phase.FAILED, event.failure or frames.Failure("CancelledError", message, "user")
    missing = frames.Failure("UnknownError", "the executor reported a failure without an error", "system")
    return Phase.FAILED, event.failure or missing
