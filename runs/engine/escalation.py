"""Use cases of law 6: what was asked to stop and does not. An executor reports each step, or has to be stopped itself.

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

from runs.domain.phases import HELD, Cause, Escalation
from runs.domain.variables.grace import grace_seconds
from runs.engine.book.book import Book, open_run
from runs.engine.book.rows import Row
from runs.models import Action, Executor
from runs.protocol import frames
from runs.store import hints
from runs.store.clock import wall_time

MAX_STACK = 20_000  # characters that are kept of where it is stuck
# How much later than it should have an executor may take the next step, before it counts as unable to.
SLACK_SECONDS = 10.0
FORCED_SLACK_SECONDS = 5.0
PROCESS_SECONDS = 4.0  # that the end of a process may take
ACTOR = "flyteui"
_HELD = sorted(HELD)
MAY_BE_STOPPED = [
    Executor.State.CONNECTED, Executor.State.BLOCKED, Executor.State.DRAINING, Executor.State.DISCONNECTED,
]  # fmt: skip


def note_refusal(book: Book, row: Row, event: frames.Refusing, *, at: datetime, actor: str) -> None:
    """Record a step that an executor has taken; what comes late or again changes nothing."""
    if row.abort_id is None or event.step < row.escalation or event.step > Escalation.PROCESS:
        return
    next_at = wall_time() + timedelta(microseconds=event.next_at - event.at) if event.next_at else None
    if event.step > row.escalation:
        book.note(row, cause=cause_of(is_held_up=event.is_held_up), actor=actor, at=at)
    refused(book, row, Escalation(event.step), at=at, next_at=next_at, is_held_up=event.is_held_up)
    if event.stack:
        book.set(row, stuck_in=event.stack[-MAX_STACK:])


def cause_of(*, is_held_up: bool) -> Cause:
    """What the history says of a step."""
    return Cause.HELD_UP if is_held_up else Cause.REFUSED


def refused(
    book: Book, row: Row, step: Escalation, *, at: datetime, next_at: datetime | None = None, is_held_up: bool
) -> None:
    """is_held_up: it has not refused anything, so nothing says that it does."""
    book.set(row, escalation=int(step), escalates_at=next_at)
    if row.refusing_since is None and not is_held_up:
        book.set(row, refusing_since=at)


def why_stopped(executor: Executor, row: Row, run: str) -> str:
    """Why the process of an executor has to end for an action that is to stop."""
    by = executor.blocked_by
    if by is None or by.pk == row.id:
        return f"{row.name} of run {run} refuses to stop"
    return f"{by} blocks its event loop, and {row.name} of run {run} is to stop"


def stop_executor(executor: Executor, reason: str) -> None:
    """Have its process ended. Nothing happens when that is under way already. Call this inside a transaction."""
    if executor.state in {Executor.State.STOPPING, Executor.State.GONE}:
        return
    executor.state, executor.end_reason = Executor.State.STOPPING, reason[:500]
    executor.save(update_fields=["state", "end_reason"])
    hints.publish_work(executor.pool_id)


class Overdue(NamedTuple):
    """An action whose executor should have stopped it, or reported that it cannot."""

    run_id: int
    action_id: int
    executor_id: UUID
    is_held_up: bool


def find_overdue(now: datetime) -> list[Overdue]:
    """Actions of which nothing was reported for longer than law 6 takes. One statement.

    That is the backstop for an executor that cannot speak. One that its worker found silent is not waited for: what only
    shares its process is stopped within its grace period.
    """
    asked = Q(abort__requested_at__lt=now - timedelta(seconds=SLACK_SECONDS))
    forced = Q(forced_at__lt=now - timedelta(seconds=FORCED_SLACK_SECONDS))
    silent = Q(executor__is_silent=True, abort__isnull=False)
    found = Action.objects.filter(
        asked | forced | silent, phase__in=_HELD, executor__state__in=MAY_BE_STOPPED
    )
    overdue = []
    for run_id, action_id, executor_id, by, is_isolated, is_silent, env, forced_at, *instants in found.values_list(
        "run_id", "pk", "executor_id", "executor__blocked_by_id", "is_isolated", "executor__is_silent", "executor__pool__env",
        "forced_at", "abort__requested_at", "delivered_at", "escalates_at", "executor__reached_at",
    ):  # fmt: skip
        # What is asked over a link that was cut has its time from when the executor could be reached again.
        since = max(one for one in (forced_at, *instants) if one is not None)
        grace = grace_seconds(env, settings.ABORT_GRACE_SECONDS)
        if is_silent and action_id != by:
            seconds = 0.0 if forced_at else max(grace - PROCESS_SECONDS, grace / 2)
        elif is_silent:
            seconds = 0.0 if forced_at else 2 * grace
        else:
            seconds = FORCED_SLACK_SECONDS if forced_at else 2 * grace + SLACK_SECONDS
        if now - since > timedelta(seconds=seconds):
            is_held_up = by not in {None, action_id} and not is_isolated
            overdue.append(Overdue(run_id, action_id, executor_id, is_held_up))
    return overdue


def stop_overdue(overdue: Collection[Overdue]) -> None:
    """Have the executors stopped that `find_overdue` found, and record it in the history of each action."""
    at = wall_time()
    by_run: dict[int, list[Overdue]] = defaultdict(list)
    for one in overdue:
        by_run[one.run_id].append(one)
    with transaction.atomic():
        for run_id, mine in sorted(by_run.items()):
            with open_run(run_id) as book:
                for one, row in zip(mine, book.by_id([one.action_id for one in mine]), strict=True):
                    if not row.is_live or row.executor_id != one.executor_id or row.abort_id is None:
                        continue
                    book.note(row, cause=cause_of(is_held_up=one.is_held_up), actor=ACTOR, at=at)
                    refused(book, row, Escalation.PROCESS, at=at, is_held_up=one.is_held_up)
                    executor = Executor.objects.select_for_update().get(pk=one.executor_id)
                    late = f"{row.name} of run {book.run.name} did not stop in time"
                    is_silent = executor.is_silent
                    stop_executor(executor, why_stopped(executor, row, book.run.name) if is_silent else late)
