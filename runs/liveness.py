"""Use cases of hearing from executors. A web process that is killed, or whose database is full, cannot write that a
socket has closed; so what counts as connected is what its web process says again and again.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from runs import events
from runs.errors import LeaseLost
from runs.models import Executor

HEAR_SECONDS = 5.0  # how often a connection is written down
SILENT_SECONDS = 3 * HEAR_SECONDS  # from when on nobody is believed to have it
_State = Executor.State
_THERE = [_State.CONNECTED, _State.BLOCKED, _State.DRAINING, _State.STOPPING]


def hear(executor_id: UUID, epoch: int) -> None:
    """This connection is there. Raises LeaseLost when it is not the executor's any more."""
    now = timezone.now()
    mine = Executor.objects.filter(pk=executor_id, epoch=epoch)
    if mine.filter(state__in=_THERE).update(heard_at=now, disconnected_at=None):
        return
    # Taken for lost while this process could not write: nobody else has its work yet.
    back = mine.filter(state=_State.DISCONNECTED)
    leaves = When(drain_asked_at__isnull=False, then=Value(_State.DRAINING))
    state = Case(leaves, default=Value(_State.CONNECTED))
    if not back.update(heard_at=now, disconnected_at=None, state=state):
        raise LeaseLost(f"executor {executor_id} with epoch {epoch} has been given up")


def silent(now: datetime) -> Q:
    """What is called connected, but no web process says so."""
    return Q(state__in=_THERE, disconnected_at=None, heard_at__lt=now - timedelta(seconds=SILENT_SECONDS))


def is_anyone_silent() -> bool:
    """Whether `lose_silent` has anything to do. One statement."""
    return Executor.objects.filter(silent(timezone.now())).exists()


def lose_silent() -> int:
    """Take executors of which no web process has heard for out of reach; returns how many. Their lease runs from now."""
    now = timezone.now()
    with transaction.atomic():
        # What is to be stopped stays so: its worker is still to end it.
        away = Case(When(state=_State.STOPPING, then=F("state")), default=Value(_State.DISCONNECTED.value))
        lost = Executor.objects.filter(silent(now)).update(state=away, disconnected_at=now)
        if lost:
            events.publish(events.WORKERS)
    return lost
