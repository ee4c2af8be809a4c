"""The one applier of `runs/domain/retries.py`: however an attempt ends, its action is moved here.

Called for what an executor reports, for what it held when it was lost or stopped, for a limit that passed in the queue,
and for what somebody outside of our executors reports.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction

from runs.domain import limits, retries
from runs.domain.errors import Conflict, Invalid
from runs.domain.failures import Failure
from runs.domain.names import ActionRef
from runs.domain.phases import LIVE, Cause, Kind, Phase
from runs.domain.retries import Ending, How, Stop, Verdict
from runs.domain.specs import read_task_spec
from runs.engine.aborts import abort_left_behind, abort_row, find_run_id
from runs.engine.book.book import Book, open_run
from runs.engine.book.rows import Row
from runs.engine.escalation import cause_of
from runs.engine.manners import count_execution
from runs.models import Abort, TaskSpec
from runs.protocol import frames
from runs.store import hints
from runs.store.clock import wall_time

log = structlog.get_logger()
_CAUSES = {
    How.INTERRUPTED: Cause.SHUTDOWN, How.LOST: Cause.EXECUTOR_LOST, How.INNOCENT: Cause.EXECUTOR_LOST,
    How.UNSTARTED: Cause.EXECUTOR_LOST, How.EXPIRED: Cause.TIMEOUT,
}  # fmt: skip

_WITH_ITS_PROCESS = frozenset({How.INTERRUPTED, How.LOST, How.INNOCENT})
_REPORTED = {str(how): how for how in How if how not in {How.EXPIRED, How.UNSTARTED}}


def read_ending(event: frames.Finished, output_uri: str) -> Ending:
    """How an attempt ended, as its executor reports it."""
    how = _REPORTED.get(event.outcome, How.FAILED)
    reason = "the executor was stopped in an orderly way"
    if how is How.LOST:
        reason = event.failure.message if event.failure else "its process died"
    return Ending(how, event.failure, output_uri, reason)


def end_attempt(
    book: Book, row: Row, ending: Ending, *, at: datetime, actor: str = "", is_childless: bool = False
) -> None:
    """Close the attempt, and move its action as `retries.decide` says. What is below an action that ends is aborted.

    is_childless: nothing below it is live, which the caller knows already; saves two statements.
    """
    at = max(at, row.started_at or at)  # the clock may have been set back while no process of ours ran
    if row.exceeded:
        book.set(row, exceeded=limits.strongest(row, row.exceeded, at))
    if row.executor_id is not None:
        _close(book, row, ending, at)
        count_execution(book, row, ending)
    standing, cause = row.standing, _cause(row, ending)
    match retries.decide(ending, standing):
        case Verdict.REQUEUE:
            _requeue(book, row, ending, cause=cause, at=at)
        case Verdict.RETRY:
            _retry(book, row, at=at, actor=actor)
        case Verdict.SUCCEED:
            if row.phase is Phase.INITIALIZING:  # what has returned has run, whatever became of its Started
                book.move(row, Phase.RUNNING, cause=Cause.STARTED, at=at, actor=actor)
            book.move(row, Phase.SUCCEEDED, cause=cause, at=at, actor=actor, output_uri=ending.output_uri)
        case Verdict.FAIL:
            error = _error(retries.error_of(ending, standing))
            book.move(row, Phase.FAILED, cause=cause, at=at, actor=actor, **error)
        case Verdict.ABORT:
            book.move(row, Phase.ABORTED, cause=cause, at=at, actor=actor)
        case Verdict.TIME_OUT:
            book.move(row, Phase.TIMED_OUT, cause=cause, at=at, actor=actor, **_error(_exceeded(row)))
    if not row.is_live and not is_childless:
        abort_left_behind(book, row, at=at)


def _cause(row: Row, ending: Ending) -> Cause:
    """The cause for the event log. Where the process had to be ended because of this action, it is why."""
    if ending.how in _WITH_ITS_PROCESS and row.escalation and row.abort_id is not None:
        return cause_of(is_held_up=row.refusing_since is None)
    return _CAUSES.get(ending.how, Cause.FINISHED)


def _close(book: Book, row: Row, ending: Ending, at: datetime) -> None:
    """Write into the attempt's own row how it ended."""
    if ending.how in _WITH_ITS_PROCESS:
        outcome = "aborted" if row.escalation else str(ending.how)
        book.set_attempt(row, ended_at=at, outcome=outcome, error_message=ending.reason)
        return
    stop = row.standing.stop
    outcome = "timed_out" if row.exceeded else "aborted" if stop is Stop.ABORT else str(ending.how)
    book.set_attempt(row, ended_at=at, outcome=outcome, **_error(_exceeded(row) or ending.failure))


def _exceeded(row: Row) -> Failure | None:
    """The error of an attempt that was stopped for a limit."""
    return Failure(row.exceeded, limits.message_of(row, row.exceeded), "user") if row.exceeded else None


def _error(failure: Failure | None) -> dict[str, str]:
    """The columns of an error, of an action or an attempt."""
    if failure is None:
        return {"error_code": "", "error_kind": "", "error_message": ""}
    return {
        "error_code": failure.code[:255], "error_kind": failure.kind, "error_message": failure.message,
    }  # fmt: skip


def _requeue(book: Book, row: Row, ending: Ending, *, cause: Cause, at: datetime) -> None:
    """Queue the same attempt again; only an executor that was lost, or cannot be started, counts as a system failure."""
    failures = row.system_failures + (ending.how in {How.LOST, How.UNSTARTED})
    book.move(row, Phase.QUEUED, cause=cause, at=at, system_failures=failures)
    hints.publish_work(row.pool_id)


def _retry(book: Book, row: Row, *, at: datetime, actor: str) -> None:
    """Queue the next attempt, not to be leased before the task's backoff is over; what waits for the cache waits on."""
    delay = _backoff(row).delay_seconds(row.attempt)
    if row.exceeded:
        book.set(row, abort_id=None, delivered_at=None, exceeded="")
    to = row.phase if row.phase is Phase.WAITING_FOR_RESOURCES else Phase.QUEUED
    book.move(
        row, to, cause=Cause.RETRIED, at=at, actor=actor, attempt=row.attempt + 1, system_failures=0,
        not_before=at + timedelta(seconds=delay) if delay else None,
    )  # fmt: skip
    hints.publish_work(row.pool_id)


def _backoff(row: Row) -> retries.Backoff:
    if row.spec_id is None:
        return retries.Backoff()
    spec = TaskSpec.objects.values_list("spec", flat=True).get(pk=row.spec_id)
    return read_task_spec(bytes(spec)).backoff


# --- what is reported from outside ----------------------------------------------------------------------------------

_HOW = {Phase.SUCCEEDED: How.SUCCEEDED, Phase.FAILED: How.FAILED, Phase.TIMED_OUT: How.EXPIRED}
REPORTER = "update"


def report(ref: ActionRef, attempt: int, phase: Phase, *, failure: Failure | None, output_uri: str) -> None:
    """Take a report of somebody outside of our executors (ActionsService.Update).

    Raises NotFound, StaleTransition (it has ended), Conflict (an executor holds it: law 11) or Invalid (another attempt
    is current; it cannot come to this phase).
    """
    at = wall_time()
    with transaction.atomic(), open_run(find_run_id(ref.run)) as book:
        row = book.get(ref.name)
        if attempt and attempt != row.attempt:
            raise Invalid(f"action {ref.name!r} is at attempt {row.attempt}, not {attempt}")
        if row.is_live and row.executor_id is not None:
            raise Conflict(f"action {ref.name!r} is held by an executor; only that one may report it")
        if row.kind == Kind.CONDITION:
            raise Conflict(f"action {ref.name!r} is a condition; signal it or abort it")
        if phase in LIVE:
            if phase is not row.phase:
                book.move(row, phase, cause=Cause.STARTED, at=at, actor=REPORTER)
        elif phase is Phase.ABORTED:
            _end_aborted(book, row, at)
        elif phase in _HOW:
            if row.phase is Phase.QUEUED:
                book.move(row, Phase.RUNNING, cause=Cause.STARTED, at=at, actor=REPORTER)
            end_attempt(book, row, Ending(_HOW[phase], failure, output_uri), at=at, actor=REPORTER)
        else:
            raise Invalid(f"an action cannot be reported as {phase.label.lower()}")


def _end_aborted(book: Book, row: Row, at: datetime) -> None:
    """Who reports an abort that nobody asked for has asked for it (every ABORTED action has an Abort)."""
    scope = Abort.Scope.RUN if row.parent_id is None else Abort.Scope.ACTION
    abort_row(
        book,
        row,
        scope=scope,
        cause=Cause.EXTERNAL_ABORT,
        actor=REPORTER,
        reason="reported as aborted",
        at=at,
    )
    if row.ended_at != at:  # it runs out there, or had ended before: then nothing may be reported
        end_attempt(book, row, Ending(How.CANCELLED), at=at, actor=REPORTER)
