"""Which executor takes which actions: those of its pool and of the runs that it serves, and how an executor leaves.

A run has executors of its own. Several runs share one only where there is no room for another (scheduling.py). A pool that
was used recently keeps one in reserve: it serves no run, and the next one adopts it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from runs.domain.phases import LIVE, Phase
from runs.engine import concurrency
from runs.models import Action, Executor, Pool, Run
from runs.store import hints
from runs.store.clock import wall_time

AWAY_SECONDS = 5.0  # how long a run waits for an executor whose link is cut before it gets another
RESERVE_SECONDS = 300.0  # how long a pool keeps an executor in reserve after its last new run
RUN_ENDED = "the end of its run"  # as the actor of a drain
_LIVE = sorted(LIVE)
ALIVE = [state for state in Executor.State if state != Executor.State.GONE]
SERVES = Executor.runs.through.objects  # a row for each executor and each run that it serves


def ready(now: datetime) -> Q:
    """What may be leased: queued, and no retry that still holds back."""
    return Q(phase=Phase.QUEUED) & (Q(not_before=None) | Q(not_before__lte=now))


def takes_leases(now: datetime, path: str = "") -> Q:
    """Executors that take leases, or soon will."""
    here = {f"{path}state__in": [Executor.State.STARTING, Executor.State.CONNECTED]}
    back_soon = {
        f"{path}state": Executor.State.DISCONNECTED,
        f"{path}disconnected_at__gt": now - timedelta(seconds=AWAY_SECONDS),
    }
    return (Q(**here) | Q(**back_soon)) & Q(**{f"{path}drain_asked_at": None})


def waiting_for(executor: Executor, now: datetime) -> QuerySet[Action]:
    """The actions that this executor may lease."""
    runs = SERVES.filter(concurrency.with_room("run__"), executor=executor).values("run")
    return Action.objects.filter(ready(now), pool_id=executor.pool_id, run__in=runs)


def list_in_need(now: datetime) -> list[tuple[int, int]]:
    """The ids of (pool, run) whose actions wait and that no executor serves, unordered. Four statements at most.

    What waits for its image is in need of that first, and a run that has reached its limit of none.
    """
    waiting = Action.objects.filter(ready(now), pool__isnull=False).order_by()
    pairs = set(waiting.values_list("pool_id", "run_id").distinct())
    if pairs:
        serving = SERVES.filter(takes_leases(now, "executor__"))
        pairs -= set(serving.values_list("executor__pool_id", "run_id"))
    if not pairs:
        return []
    not_built = Pool.objects.filter(pk__in={pool_id for pool_id, _ in pairs}, built_image__environment="")
    waiting_for_image = set(not_built.values_list("pk", flat=True))
    with_room = Run.objects.filter(concurrency.with_room(), pk__in={run_id for _, run_id in pairs})
    runs = set(with_room.values_list("pk", flat=True))
    return [pair for pair in pairs if pair[0] not in waiting_for_image and pair[1] in runs]


def in_reserve() -> QuerySet[Executor]:
    """Executors that serve no run yet."""
    return Executor.objects.filter(~Exists(SERVES.filter(executor=OuterRef("pk"))))


def adopt(pool_id: int | None, run_id: int) -> UUID | None:
    """Give the run the executor that its pool keeps in reserve; None if there is none, or it is not connected.

    Call this inside a transaction; two statements at most.
    """
    there = in_reserve().filter(pool=pool_id, state=Executor.State.CONNECTED, drain_asked_at=None)
    executor = there.select_for_update(skip_locked=True, of=("self",)).order_by("connected_at").first()
    if executor is None:
        return None
    SERVES.create(executor_id=executor.pk, run_id=run_id)
    hints.publish_work(pool_id)
    return executor.pk


def list_without_reserve(now: datetime) -> list[int]:
    """The ids of pools whose next run would have to wait for a process. One statement.

    Pools that have got a new run recently, and for which no reserve was requested since that did not find a run: where
    one has failed, had to make room or was idle for too long, there is no other.
    """
    since = now - timedelta(seconds=RESERVE_SECONDS)
    reserve = (
        in_reserve()
        .filter(pool=OuterRef("executor__pool"))
        .filter(~Q(state=Executor.State.GONE) | Q(requested_at__gt=since))
    )
    used = SERVES.filter(~Exists(reserve), run__created_at__gt=since).exclude(executor__connected_at=None)
    used = used.exclude(executor__pool__built_image__environment="")
    used = used.exclude(executor__pool__bundle_uri="")  # pickled code is of one run only
    return sorted(used.values_list("executor__pool", flat=True).distinct())


def drain(executor: Executor, *, actor: str) -> None:
    """Mark it to leave once it holds nothing. One that is not connected, or blocked, drains as soon as it can be reached."""
    executor.drain_asked_at, executor.drain_actor = wall_time(), actor
    if executor.state == Executor.State.CONNECTED:
        executor.state = Executor.State.DRAINING
    executor.save(update_fields=["state", "drain_asked_at", "drain_actor"])
    hints.publish(hints.executor_group(executor.pk))
    hints.publish(hints.WORKERS)


def release(run_id: int) -> None:
    """The run has ended: its executors leave, except those that serve another one that lives. One statement, if there are none."""
    root = Action.objects.filter(run=OuterRef("run"), parent=None, phase__in=_LIVE)
    others = SERVES.filter(Exists(root), executor=OuterRef("pk"))
    done = Executor.objects.filter(~Exists(others), runs=run_id, state__in=ALIVE, drain_asked_at=None)
    for executor in done:
        drain(executor, actor=RUN_ENDED)
