"""Heartbeats of executors: the batches of events that were applied, of which it sends an empty one when it has no events.

A connection proves nothing. A web process that is killed, or whose database is full, cannot write that a socket has closed;
and an executor may connect again and again without getting a batch through. What it holds is then in nobody's hands.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Case, F, Q, Value, When

from runs.domain.errors import LeaseLost
from runs.engine.escalation import MAY_BE_STOPPED, stop_executor
from runs.models import Executor
from runs.protocol.constants import EXECUTOR_HEARTBEAT_SECONDS
from runs.store import hints
from runs.store.bulk import plain, plain_row
from runs.store.clock import wall_time

SILENT_SECONDS = 3 * EXECUTOR_HEARTBEAT_SECONDS  # without one for so long, an executor is out of reach
# How long, and how often, one may connect without getting a batch through. One whose batch only takes long connects once.
UNPROVED_SECONDS = 30.0
UNPROVED_CONNECTIONS = 5
_State = Executor.State
_THERE = [_State.CONNECTED.value, _State.BLOCKED.value, _State.DRAINING.value, _State.STOPPING.value]
_BEAT = f"UPDATE runs_executor SET {{}} WHERE id = %s AND epoch = %s AND state IN ({', '.join(['%s'] * len(_THERE))})"  # noqa: S608


def record(executor_id: UUID, epoch: int, **facts: Any) -> None:
    """Write a heartbeat, and these columns. Raises LeaseLost when this connection is not the executor's any more."""
    facts |= {
        "heartbeat_at": wall_time(),
        "disconnected_at": None,
        "unproved_since": None,
        "unproved_connections": 0,
    }
    with connection.cursor() as cursor:  # of each batch: a query set takes longer to become this text
        columns = ", ".join(f"{column} = %s" for column in facts)
        cursor.execute(
            _BEAT.format(columns), [*plain_row(facts.values()), plain(executor_id), epoch, *_THERE]
        )
        if cursor.rowcount:
            return
    mine = Executor.objects.filter(pk=executor_id, epoch=epoch)
    # Taken for lost while this process could not write: nobody else has its work yet.
    back = mine.filter(state=_State.DISCONNECTED)
    leaves = When(drain_asked_at__isnull=False, then=Value(_State.DRAINING))
    state = Case(leaves, default=Value(_State.CONNECTED))
    if not back.update(**facts, state=state):
        raise LeaseLost(f"executor {executor_id} with epoch {epoch} has been given up")


def silent(now: datetime) -> Q:
    """Connected by its state, and without a heartbeat for too long; one that has just connected has the same time."""
    before = now - timedelta(seconds=SILENT_SECONDS)
    has_not_just_come = Q(unproved_since=None) | Q(unproved_since__lt=before)
    # Of one that its worker reports about, it is known why.
    there = Q(state__in=_THERE, disconnected_at=None, is_silent=False)
    return there & Q(heartbeat_at__lt=before) & has_not_just_come


def unproved(now: datetime, *, seconds: float | None = None) -> Q:
    """It connects, lately too, and for so long no batch of its events has been applied."""
    since = now - timedelta(seconds=UNPROVED_SECONDS if seconds is None else seconds)
    late = Q(
        unproved_since__lt=since, unproved_connections__gte=UNPROVED_CONNECTIONS, state__in=MAY_BE_STOPPED
    )
    return late & (Q(disconnected_at=None) | Q(connected_at__gt=now - timedelta(seconds=SILENT_SECONDS)))


def find_unproved() -> list[UUID]:
    """Executors to stop, because nothing gets through from them. One statement."""
    return list(Executor.objects.filter(unproved(wall_time())).values_list("pk", flat=True))


def stop_unproved(executor_ids: Collection[UUID]) -> None:
    with transaction.atomic():
        found = Executor.objects.select_for_update().filter(unproved(wall_time()), pk__in=executor_ids)
        for executor in found.order_by("pk"):
            since = f"{executor.unproved_since:%H:%M:%S} UTC"
            stop_executor(executor, f"it connects, but since {since} no batch of events has come through")


def has_silent() -> bool:
    """Whether `disconnect_silent` has anything to do. One statement."""
    return Executor.objects.filter(silent(wall_time())).exists()


def disconnect_silent() -> int:
    """Mark silent executors as out of reach; returns how many. Their lease runs from now."""
    now = wall_time()
    with transaction.atomic():
        # What is to be stopped keeps its state: its worker is still to end it.
        away = Case(When(state=_State.STOPPING, then=F("state")), default=Value(_State.DISCONNECTED.value))
        lost = Executor.objects.filter(silent(now)).update(state=away, disconnected_at=now)
        if lost:
            hints.publish(hints.WORKERS)
    return lost
