"""Which pools need an executor, which executors have to make room, and who is given up. Called by the worker's consumer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from runs import events, presence
from runs.errors import NotFound
from runs.executor import frames
from runs.leases import end_executor, ready
from runs.models import Action, Executor, Pool
from runs.phases import LIVE
from runs.refusals import stop_executor

START_SECONDS = 30.0  # an executor that has not connected by then has failed to start
ABSENT_SECONDS = (
    15.0  # how long a worker's word "I do not run it" waits for the executor to come back by itself
)
_LIVE = sorted(LIVE)
KILL_AFTER_SECONDS = 4.0  # an executor that is told to stop does so within 3 s, if it can
AWAY_SECONDS = 5.0  # how long a pool waits for an executor whose link is cut before it gets another
ACTOR = "flyteui"
_ALIVE = [state for state in Executor.State if state != Executor.State.GONE]


@dataclass(frozen=True, slots=True)
class Demand:
    """Executors to start, and executors to drain so that there is room to start one."""

    launches: list[frames.Launch] = field(default_factory=list)
    drained: list[UUID] = field(default_factory=list)


def is_needed() -> bool:
    """Whether some pool has queued actions and nobody to run them. One statement."""
    return _pools_in_need().exists()


def _pools_in_need() -> QuerySet[Pool]:
    now = timezone.now()
    waiting = Action.objects.filter(ready(now), pool=OuterRef("pk"))
    back_soon = Q(
        state=Executor.State.DISCONNECTED,
        disconnected_at__gt=now - timedelta(seconds=AWAY_SECONDS),
    )
    here = Q(state__in=[Executor.State.STARTING, Executor.State.CONNECTED])
    served = Executor.objects.filter(here | back_soon, pool=OuterRef("pk"))
    return Pool.objects.filter(Exists(waiting), ~Exists(served))


def claim_demand(worker: str) -> Demand:
    """Record the executors that this worker is now to start. Idle executors of other pools make room when it is short."""
    demand = Demand()
    with transaction.atomic():
        # What drains is on its way out: its pool gets another one at once, or what it holds could wait for ever.
        staying = Executor.objects.filter(state__in=_ALIVE, drain_asked_at=None)
        room = settings.MAX_EXECUTORS - staying.count()
        for pool in _pools_in_need().order_by("pk"):
            if room <= 0:
                demand.drained.extend(_drain_idle(1))
                continue
            executor = Executor.objects.create(pool=pool, worker=worker, capacity=settings.EXECUTOR_CAPACITY)
            demand.launches.append(
                frames.Launch(
                    executor=str(executor.pk), pool=pool.key, bundle_uri=pool.bundle_uri, env=pool.env,
                    capacity=executor.capacity, idle_seconds=settings.EXECUTOR_IDLE_SECONDS,
                )
            )  # fmt: skip
            room -= 1
    return demand


def _drain_idle(count: int) -> list[UUID]:
    """Ask the executors that have been without work the longest to leave."""
    idle = (
        Executor.objects.filter(state=Executor.State.CONNECTED)
        .annotate(held=Count("actions", filter=Q(actions__phase__in=_LIVE)))
        .filter(held=0)
        .order_by("connected_at")
    )
    drained = list(idle[:count])
    for executor in drained:
        _drain(executor, actor=ACTOR)
    return [executor.pk for executor in drained]


@dataclass(frozen=True, slots=True)
class DrainAnswer:
    """What a drain found. asked_at and actor: of the first request, which stays."""

    outcome: Literal["requested", "already_requested", "already_leaving"]
    asked_at: datetime | None
    actor: str
    held: int  # actions that it holds until they end


def drain_executor(executor_id: UUID, *, actor: str) -> DrainAnswer:
    """Ask an executor to leave once it holds nothing; it is given nothing more. What it holds goes on.

    Asking again changes nothing. An executor that is being stopped, or is gone, is told so. Raises NotFound.
    """
    with transaction.atomic():
        executor = Executor.objects.select_for_update().filter(pk=executor_id).first()
        if executor is None:
            raise NotFound(f"executor {executor_id} does not exist")
        held = Action.objects.filter(executor=executor, phase__in=_LIVE).count()
        if executor.state in {Executor.State.STOPPING, Executor.State.GONE}:
            return DrainAnswer("already_leaving", None, "", held)
        if executor.drain_asked_at:
            return DrainAnswer("already_requested", executor.drain_asked_at, executor.drain_actor, held)
        _drain(executor, actor=actor)
        return DrainAnswer("requested", executor.drain_asked_at, actor, held)


def _drain(executor: Executor, *, actor: str) -> None:
    """Mark it. One that is not connected, or blocked, drains as soon as it can hear of it."""
    executor.drain_asked_at, executor.drain_actor = timezone.now(), actor
    if executor.state == Executor.State.CONNECTED:
        executor.state = Executor.State.DRAINING
    executor.save(update_fields=["state", "drain_asked_at", "drain_actor"])
    events.publish(events.executor_group(executor.pk))
    events.publish(events.WORKERS)


def find_lost(worker: str, running: Collection[str]) -> list[tuple[UUID, str]]:
    """Executors to give up, with the reason. One statement.

    One that did not start in time; one that its worker does not know and that did not come back by itself; one whose
    lease has run out. What another worker that is here runs is left to that one.
    """
    now = timezone.now()
    lost: list[tuple[UUID, str]] = []
    for executor in Executor.objects.filter(state__in=_ALIVE).exclude(state=Executor.State.CONNECTED):
        since = executor.disconnected_at or executor.requested_at
        away = (now - since).total_seconds()
        if executor.worker != worker and presence.is_connected(executor.worker):
            continue
        unknown = executor.worker == worker and str(executor.pk) not in running
        if executor.state == Executor.State.STARTING and away > START_SECONDS:
            lost.append((executor.pk, f"it did not connect within {START_SECONDS:.0f} s"))
        elif executor.disconnected_at and unknown and away > ABSENT_SECONDS:
            lost.append((executor.pk, f"its worker {worker} does not know it, and it did not come back"))
        elif executor.disconnected_at and away > settings.EXECUTOR_LEASE_SECONDS:
            lost.append(
                (executor.pk, f"it has not been heard of for {settings.EXECUTOR_LEASE_SECONDS:.0f} s")
            )
    return lost


def give_up(lost: Collection[tuple[UUID, str]], running: Collection[str]) -> None:
    """End executors that `find_lost` found. What they held is requeued: at once, or after the end of those whose process the
    worker still runs, because until then it may run there.
    """
    for executor_id, reason in lost:
        if str(executor_id) in running:
            with transaction.atomic():
                stop_executor(Executor.objects.select_for_update().get(pk=executor_id), reason)
        else:
            end_executor(executor_id, reason)


def find_stops(worker: str) -> list[frames.StopExecutor]:
    """Executors that this worker is to end. One statement."""
    stopping = Executor.objects.filter(state=Executor.State.STOPPING, worker=worker)
    return [
        frames.StopExecutor(executor=str(executor_id), kill_after_seconds=KILL_AFTER_SECONDS, reason=reason)
        for executor_id, reason in stopping.values_list("pk", "end_reason")
    ]


def forget_connections() -> None:
    """The server starts: nobody is connected yet. What was connected may come back, as after a cut link."""
    there = [Executor.State.CONNECTED, Executor.State.BLOCKED, Executor.State.DRAINING]
    Executor.objects.filter(state__in=there).update(
        state=Executor.State.DISCONNECTED, disconnected_at=timezone.now()
    )
    Executor.objects.filter(state=Executor.State.STOPPING).update(disconnected_at=timezone.now())
    Executor.objects.filter(state=Executor.State.STARTING).update(
        requested_at=timezone.now() - timedelta(seconds=START_SECONDS)
    )
