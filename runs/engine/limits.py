"""Use cases of time: limits that pass (PROTOCOL.md §2.11), and retries whose wait is over.

A limit of something that runs is an abort with a cause of its own; who aborted first wins. A limit that leaves a retry
stops the attempt only: children go on, and an abort that comes meanwhile takes its place (`Row.is_ending`).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from runs.domain import limits
from runs.domain.phases import UNHELD, Cause, Phase
from runs.domain.retries import Ending, How, Stop
from runs.engine.aborts import abort_row, record_abort
from runs.engine.book.book import Book, open_run
from runs.engine.book.rows import Row
from runs.engine.endings import end_attempt
from runs.models import Abort, Action
from runs.store import hints

ACTOR = "flyteui"
_CHUNK = 500  # how many actions time out in one transaction; the next sweep finds the others


def find_next(since: datetime) -> datetime | None:
    """When the next limit passes, or the first wait of a retry that ends after `since`. Two statements."""
    limit = Action.objects.filter(due_at__isnull=False).order_by("due_at")
    retry = Action.objects.filter(not_before__gt=since, phase=Phase.QUEUED).order_by("not_before")
    instants = (
        limit.values_list("due_at", flat=True).first(),
        retry.values_list("not_before", flat=True).first(),
    )
    return min(filter(None, instants), default=None)


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
            with open_run(run_id) as book:
                # Parents first: what their abort reaches is due no more.
                for row in book.by_id(sorted(action_ids)):
                    if row.due_at is not None and row.due_at <= now:
                        _exceeded(book, row, now)
        if since is not None:
            for pool_id in (
                Action.objects.filter(_woken(since, now)).values_list("pool_id", flat=True).distinct()
            ):
                hints.publish_work(pool_id)
    return sum(map(len, late.values()))


def _exceeded(book: Book, row: Row, now: datetime) -> None:
    """What nobody runs ends, or is queued again, at once; what runs is asked to stop."""
    code = limits.strongest(row, _code(row), now)
    if row.phase in UNHELD:
        book.set(row, exceeded=code)
        end_attempt(book, row, Ending(How.EXPIRED), at=now, actor=ACTOR)
        return
    reason = limits.message_of(row, code)
    if replace(row.standing, stop=Stop.at_limit(code)).is_final:
        scope = Abort.Scope.RUN if row.parent_id is None else Abort.Scope.ACTION
        abort_row(book, row, scope=scope, cause=Cause.TIMEOUT, actor=ACTOR, reason=reason, at=now)
    else:
        book.flush()
        abort = record_abort(
            book, row, scope=Abort.Scope.ACTION, cause=Cause.TIMEOUT, actor=ACTOR, reason=reason, at=now
        )
        book.set(row, abort_id=abort.pk, due_at=None)
        book.note(row, cause=Cause.TIMEOUT, actor=ACTOR, at=now)
    book.set(row, exceeded=code)


def _code(row: Row) -> str:
    """The limit that counts in this phase."""
    if row.phase is Phase.PAUSED:
        return limits.CONDITION_TIMEOUT
    return limits.QUEUED_TIMEOUT if row.phase in UNHELD else limits.MAX_RUNTIME
