"""Use cases of law 6: what was told to stop and does not. An executor says how far it has gone, or has to be stopped itself.

A process that holds what cannot be stopped otherwise is STOPPING: nothing more is leased to it, its pool gets another, its
worker ends it. What it holds stays held until its end is reported, because until then it may run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from runs import events, transitions
from runs.executor import frames
from runs.grace import grace_seconds
from runs.models import Action, Executor
from runs.phases import HELD, Cause, Escalation
from runs.transitions import Book, Row

MAX_STACK = 20_000  # characters that are kept of where it is stuck
# How much later than it should have an executor may take the next step, before it counts as unable to.
SLACK_SECONDS = 10.0
FORCED_SLACK_SECONDS = 5.0
ACTOR = "flyteui"
_HELD = sorted(HELD)
_MAY_BE_STOPPED = [
    Executor.State.CONNECTED, Executor.State.BLOCKED, Executor.State.DRAINING, Executor.State.DISCONNECTED,
]  # fmt: skip


def note_refusal(book: Book, row: Row, event: frames.Refusing, *, at: datetime, actor: str) -> None:
    """Record a step that an executor has taken; what comes late or again changes nothing."""
    if row.abort_id is None or event.step < row.escalation or event.step > Escalation.PROCESS:
        return
    next_at = timezone.now() + timedelta(microseconds=event.next_at - event.at) if event.next_at else None
    if event.step > row.escalation:
        book.note(row, cause=Cause.REFUSED, actor=actor, at=at)
    refused(book, row, Escalation(event.step), at=at, next_at=next_at)
    if event.stack:
        book.set(row, stuck_in=event.stack[-MAX_STACK:])


def refused(book: Book, row: Row, step: Escalation, *, at: datetime, next_at: datetime | None = None) -> None:
    book.set(row, escalation=int(step), escalates_at=next_at)
    if row.refusing_since is None:
        book.set(row, refusing_since=at)


def stop_executor(executor: Executor, reason: str) -> None:
    """Have its process ended. Nothing happens when that is under way already. Call this inside a transaction."""
    if executor.state in {Executor.State.STOPPING, Executor.State.GONE}:
        return
    executor.state, executor.end_reason = Executor.State.STOPPING, reason[:500]
    executor.save(update_fields=["state", "end_reason"])
    events.publish(events.pool_group(executor.pool_id))
    events.publish(events.WORKERS)


class Overdue(NamedTuple):
    """An action whose executor should have stopped it, or said that it cannot."""

    run_id: int
    action_id: int
    executor_id: UUID


def find_overdue(now: datetime) -> list[Overdue]:
    """Actions of which nothing was heard for longer than law 6 takes. One statement.

    That is the backstop for an executor that cannot speak: C code that never lets go of Python's lock silences the thread
    of its link too.
    """
    asked = Q(abort__requested_at__lt=now - timedelta(seconds=SLACK_SECONDS))
    forced = Q(forced_at__lt=now - timedelta(seconds=FORCED_SLACK_SECONDS))
    found = Action.objects.filter(asked | forced, phase__in=_HELD, executor__state__in=_MAY_BE_STOPPED)
    overdue = []
    for run_id, action_id, executor_id, env, forced_at, *instants in found.values_list(
        "run_id", "pk", "executor_id", "executor__pool__env", "forced_at",
        "abort__requested_at", "delivered_at", "escalates_at", "executor__connected_at",
    ):  # fmt: skip
        # What is asked over a link that was cut has its time from when the executor came back.
        since = max(one for one in (forced_at, *instants) if one is not None)
        seconds = 2 * grace_seconds(env, settings.ABORT_GRACE_SECONDS) + SLACK_SECONDS
        if now - since > timedelta(seconds=FORCED_SLACK_SECONDS if forced_at else seconds):
            overdue.append(Overdue(run_id, action_id, executor_id))
    return overdue


def stop_overdue(overdue: Collection[Overdue]) -> None:
    """Have the executors stopped that `find_overdue` found; each action says so in its history."""
    at = timezone.now()
    by_run: dict[int, list[Overdue]] = defaultdict(list)
    for one in overdue:
        by_run[one.run_id].append(one)
    with transaction.atomic():
        for run_id, mine in sorted(by_run.items()):
            with transitions.open_run(run_id) as book:
                for one, row in zip(mine, book.by_id([one.action_id for one in mine]), strict=True):
                    if not row.is_live or row.executor_id != one.executor_id or row.abort_id is None:
                        continue
                    book.note(row, cause=Cause.REFUSED, actor=ACTOR, at=at)
                    refused(book, row, Escalation.PROCESS, at=at)
                    executor = Executor.objects.select_for_update().get(pk=one.executor_id)
                    stop_executor(executor, f"{row.name} of run {book.run.name} did not stop in time")
