"""Use cases of time: limits that pass (PROTOCOL.md §2.11), what stopped for one, and retries that wait.

A limit of something that runs is an abort with a cause of its own; who aborted first wins. A limit that leaves a retry
stops the attempt only: children go on, and an abort that comes meanwhile takes its place (`Row.is_aborting`).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Q

from runs import events, transitions
from runs.aborts import abort_left_behind, abort_row
from runs.executor.frames import Failure
from runs.models import Abort, Action, TaskSpec
from runs.phases import CONDITION_TIMEOUT, DEADLINE, MAX_RUNTIME, QUEUED_TIMEOUT, UNHELD, Cause, Phase
from runs.specs import read_task_spec
from runs.transitions import Book, Row

ACTOR = "flyteui"
_CHUNK = 500  # how many actions time out in one transaction; the next look finds the others


def is_anything_due(since: datetime, now: datetime) -> bool:
    """Whether a limit has passed, or a retry's wait has ended after `since`. One statement."""
    return Action.objects.filter(_late(now) | _woken(since, now)).exists()


def _late(now: datetime) -> Q:
    return Q(due_at__lte=now)  # an abort clears it


def _woken(since: datetime, now: datetime) -> Q:
    return Q(not_before__gt=since, not_before__lte=now, phase=Phase.QUEUED)


def expire(now: datetime, *, since: datetime | None = None) -> int:
    """Stop what has exceeded a limit, and hint at retries whose wait has ended after `since`. Returns how many were late."""
    late: dict[int, list[int]] = defaultdict(list)
    with transaction.atomic():
        due = Action.objects.filter(_late(now)).order_by("due_at").values_list("run_id", "pk")[:_CHUNK]
        for run_id, action_id in due:
            late[run_id].append(action_id)
        for run_id, action_ids in sorted(late.items()):
            with transitions.open_run(run_id) as book:
                # Parents first: what their abort reaches is due no more.
                for row in book.by_id(sorted(action_ids)):
                    if row.due_at is not None and row.due_at <= now:
                        _exceeded(book, row, now)
        if since is not None:
            for pool_id in (
                Action.objects.filter(_woken(since, now)).values_list("pool_id", flat=True).distinct()
            ):
                _hint(pool_id)
    return sum(map(len, late.values()))


def _exceeded(book: Book, row: Row, now: datetime) -> None:
    """What nobody runs ends, or is queued again, at once; what runs is asked to stop."""
    code = _code(row, QUEUED_TIMEOUT if row.phase in UNHELD else MAX_RUNTIME, now)
    if row.phase is Phase.PAUSED:
        code = CONDITION_TIMEOUT
    if row.phase in UNHELD:
        _end_or_retry(book, row, code, cause=Cause.TIMEOUT, at=now, actor=ACTOR)
        abort_left_behind(book, [row], at=now)
        return
    reason = _words(row, code)
    if row.has_retry(code):
        book.flush()
        abort = transitions.record_abort(
            book, row, scope=Abort.Scope.ACTION, cause=Cause.TIMEOUT, actor=ACTOR, reason=reason, at=now
        )
        book.set(row, abort_id=abort.pk, due_at=None)
        book.note(row, cause=Cause.TIMEOUT, actor=ACTOR, at=now)
    else:
        scope = Abort.Scope.RUN if row.parent_id is None else Abort.Scope.ACTION
        abort_row(book, row, scope=scope, cause=Cause.TIMEOUT, actor=ACTOR, reason=reason, at=now)
    book.set(row, exceeded=code)


def stopped(book: Book, row: Row, *, cause: Cause, at: datetime, actor: str = "") -> None:
    """What was asked to stop has stopped: ABORTED, or for a limit TIMED_OUT or queued again."""
    if not row.exceeded:
        book.move(row, Phase.ABORTED, cause=cause, at=at, actor=actor)
        return
    _end_or_retry(book, row, _code(row, row.exceeded, at), cause=cause, at=at, actor=actor)


def timed_out(row: Row, at: datetime) -> Failure:
    """The error of an attempt that was stopped for a limit."""
    code = _code(row, row.exceeded, at)
    return Failure(code, _words(row, code), "user")


def _code(row: Row, code: str, at: datetime) -> str:
    """The limit that counts: the deadline is the strongest, even when it passes while another one stops the attempt."""
    return DEADLINE if row.deadline_at is not None and row.deadline_at <= at else code


def _words(row: Row, code: str) -> str:
    if code == DEADLINE:
        assert row.deadline_at is not None
        return f"it did not end before its deadline, {row.deadline_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if code == CONDITION_TIMEOUT:
        assert row.deadline_at is not None
        return f"nobody signalled it before {row.deadline_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if code == QUEUED_TIMEOUT:
        return f"attempt {row.attempt} was queued longer than its limit of {row.queued_timeout_seconds:g} s"
    return f"attempt {row.attempt} ran longer than its limit of {row.max_runtime_seconds:g} s"


def _end_or_retry(book: Book, row: Row, code: str, *, cause: Cause, at: datetime, actor: str) -> None:
    if row.has_retry(code):
        retry(book, row, at=at, actor=actor)
        return
    book.move(
        row, Phase.TIMED_OUT, cause=cause, at=at, actor=actor,
        exceeded=code, error_code=code, error_kind="user", error_message=_words(row, code),
    )  # fmt: skip


def retry(book: Book, row: Row, *, at: datetime, actor: str = "") -> None:
    """Queue the next attempt, not to be leased before the task's backoff is over; what waits for the cache waits on."""
    delay = _delay_seconds(row)
    if row.abort_id is not None:
        book.set(row, abort_id=None, delivered_at=None, exceeded="")
    to = row.phase if row.phase is Phase.WAITING_FOR_RESOURCES else Phase.QUEUED
    book.move(
        row, to, cause=Cause.RETRIED, at=at, actor=actor, attempt=row.attempt + 1, system_failures=0,
        not_before=at + timedelta(seconds=delay) if delay else None,
    )  # fmt: skip
    _hint(row.pool_id)


def _delay_seconds(row: Row) -> float:
    if row.spec_id is None:
        return 0.0
    spec = TaskSpec.objects.filter(pk=row.spec_id).values_list("spec", flat=True).first()
    return read_task_spec(bytes(spec)).backoff.delay_seconds(row.attempt) if spec else 0.0


def _hint(pool_id: int | None) -> None:
    if pool_id is not None:
        events.publish(events.pool_group(pool_id))
        events.publish(events.WORKERS)
