"""Which runs need an executor, which executors have to make room or are shared, and who is given up."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from heapq import heappop, heappush
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, Min, OuterRef, Q

from runs.domain.errors import NotFound
from runs.domain.phases import LIVE
from runs.domain.texts import clean
from runs.engine import locks
from runs.engine.escalation import stop_executor
from runs.engine.executors import places
from runs.engine.leases import end_executor
from runs.models import Action, Executor, Image, Pool
from runs.protocol import worker_frames
from runs.store import hints
from runs.store.clock import wall_time

START_SECONDS = 30.0  # an executor that has not connected by then has failed to start
ABSENT_SECONDS = 15.0  # how long an executor that its worker does not run may take to come back by itself
MAX_REASON = 500  # characters
_LIVE = sorted(LIVE)
KILL_AFTER_SECONDS = 4.0  # an executor that is asked to stop does so within 3 s, if it can
WORKER_HEARTBEAT_SECONDS = 5.0  # of a worker; its web process writes them
ACTOR = "flyteui"
_WORKER = "worker:"  # prefix of the locks of connected workers


@dataclass(frozen=True, slots=True)
class Demand:
    """Executors to start, and executors to drain so that there is room to start one."""

    launches: list[worker_frames.Launch] = field(default_factory=list)
    drained: list[UUID] = field(default_factory=list)


def is_needed() -> bool:
    """Whether some run has queued actions and nobody to run them. Two statements."""
    return bool(places.list_in_need(wall_time()))


def is_reserve_needed() -> bool:
    """Whether some pool is to get an executor in reserve, and there is room for it. Three statements at most."""
    if not settings.KEEP_RESERVE:
        return False
    now = wall_time()
    return bool(places.list_without_reserve(now)) and not _Room(now).is_short


def claim_demand(worker: str) -> Demand:
    """Record the executors that this worker is now to start: one for each run that needs one and finds none in reserve.

    When room is short, idle executors make some; then runs of one pool share its executors, rather than wait. What room is
    left goes to reserves.
    """
    demand = Demand()
    with transaction.atomic():
        room = _Room(wall_time())
        for pool_id, run_id in _longest_first(places.list_in_need(room.now)):
            if room.adopt(pool_id, run_id):
                continue
            if room.is_short and (idle := room.drain_idle()):
                demand.drained.append(idle)
            if room.is_short and (room.share(pool_id, run_id) or not room.may_exceed(pool_id, run_id)):
                continue
            demand.launches.append(room.take(pool_id, run_id, worker))
        if settings.KEEP_RESERVE:
            for pool_id in places.list_without_reserve(room.now):
                if not room.is_short:
                    demand.launches.append(room.take(pool_id, None, worker))
        room.close()
    return demand


def _longest_first(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """One statement, when there is an order to find."""
    if len(pairs) < 2:
        return pairs
    runs = {run_id for _, run_id in pairs}
    waiting = Action.objects.filter(places.ready(wall_time()), run__in=runs).order_by()
    oldest = dict(waiting.values_list("run_id").annotate(Min("queued_at")))
    return sorted(pairs, key=lambda pair: (oldest[pair[1]], pair))


class _Room:
    """The executors that there are, and how many more there may be. Use it inside a transaction, and close it."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        # What drains is on its way out: its run gets another one at once, or what it holds could wait for ever.
        staying = Executor.objects.filter(state__in=places.ALIVE, drain_asked_at=None)
        self._places = settings.MAX_EXECUTORS - staying.count()
        self._pools = set(staying.filter(runs__isnull=False).values_list("pool_id", flat=True))
        self._shared: list[Any] = []
        self._not_idle: set[UUID] = set()  # what has been adopted here

    @property
    def is_short(self) -> bool:
        return self._places <= 0

    def adopt(self, pool_id: int, run_id: int) -> bool:
        """Give the run what its pool has in reserve; False when there is none."""
        executor_id = places.adopt(pool_id, run_id)
        if executor_id is not None:
            self._pools.add(pool_id)
            self._not_idle.add(executor_id)
        return executor_id is not None

    def drain_idle(self) -> UUID | None:
        """Ask an executor without work to leave, a reserve first, then the one that is connected the longest; None when each has some."""
        while self._idle and self._idle[0].pk in self._not_idle:
            self._idle.popleft()
        if not self._idle:
            return None
        executor = self._idle.popleft()
        places.drain(executor, actor=ACTOR)
        self._places += 1
        return executor.pk

    @cached_property
    def _idle(self) -> deque[Executor]:
        held = Action.objects.filter(executor=OuterRef("pk"), phase__in=_LIVE)
        served = places.SERVES.filter(executor=OuterRef(OuterRef("pk"))).values("run")
        waiting = Action.objects.filter(places.ready(self.now), pool=OuterRef("pool"), run__in=served)
        serving = Exists(places.SERVES.filter(executor=OuterRef("pk")))
        there = Q(state=Executor.State.CONNECTED) | Q(state=Executor.State.STARTING, is_serving=False)
        idle = Executor.objects.annotate(is_serving=serving).filter(there, drain_asked_at=None)
        return deque(idle.filter(~Exists(held), ~Exists(waiting)).order_by("is_serving", "connected_at"))

    def share(self, pool_id: int, run_id: int) -> bool:
        """Let the executor of this pool that serves the fewest runs serve this one, too; False when there is none."""
        if not (hosts := self._hosts[pool_id]):
            return False
        runs, executor_id = heappop(hosts)
        heappush(hosts, (runs + 1, executor_id))
        self._shared.append(places.SERVES.model(executor_id=executor_id, run_id=run_id))
        hints.publish_work(pool_id)
        return True

    @cached_property
    def _hosts(self) -> defaultdict[int, list[tuple[int, UUID]]]:
        """By pool, the executors that take leases, and how many runs each serves; a heap."""
        hosts: defaultdict[int, list[tuple[int, UUID]]] = defaultdict(list)
        live = Q(runs__actions__parent=None, runs__actions__phase__in=_LIVE)
        there = Executor.objects.filter(places.takes_leases(self.now)).annotate(n=Count("runs", filter=live))
        for executor_id, pool_id, runs in there.values_list("pk", "pool_id", "n").order_by():
            heappush(hosts[pool_id], (runs, executor_id))
        return hosts

    def may_exceed(self, pool_id: int, run_id: int) -> bool:
        """Whether one more may be started although room is short.

        For a pool that has none, while fewer pools have one than there may be executors: what runs long may not keep others
        out. And for what a parent waits for that an executor holds: it would hold it, which counts, for ever. Such a
        pool gets one at a time, so that there are no more of these than environments in a flow.
        """
        is_first = pool_id not in self._pools and len(self._pools) < settings.MAX_EXECUTORS
        return is_first or (pool_id, run_id) in self._awaited

    @cached_property
    def _awaited(self) -> set[tuple[int, int]]:
        waiting = Action.objects.filter(places.ready(self.now), parent__executor__isnull=False)
        pairs = waiting.filter(parent__phase__in=_LIVE).order_by().values_list("pool_id", "run_id")
        return set(pairs.distinct())

    def take(self, pool_id: int, run_id: int | None, worker: str) -> worker_frames.Launch:
        """Record an executor of its own for this run, or one in reserve."""
        pool = Pool.objects.select_related("built_image").get(pk=pool_id)
        environment = ""
        if (image := pool.built_image) is not None:
            environment = image.environment
            Image.objects.filter(pk=image.pk).update(used_at=self.now)
        executor = Executor.objects.create(pool=pool, worker=worker, capacity=settings.EXECUTOR_CAPACITY)
        if run_id is not None:
            executor.runs.add(run_id)
        self._places -= 1
        self._pools.add(pool_id)
        if "_hosts" in vars(self):
            heappush(self._hosts[pool_id], (1, executor.pk))
        return worker_frames.Launch(
            executor=str(executor.pk), pool=pool.key, bundle_uri=pool.bundle_uri, env=pool.env,
            capacity=executor.capacity, processes=settings.MAX_PROCESSES, idle_seconds=settings.EXECUTOR_IDLE_SECONDS,
            is_reserve=run_id is None, storage_url=settings.STORAGE_URL, environment=environment,
        )  # fmt: skip

    def close(self) -> None:
        places.SERVES.bulk_create(self._shared, ignore_conflicts=True)


@dataclass(frozen=True, slots=True)
class DrainAnswer:
    """What a drain found. asked_at and actor: of the first request, which counts."""

    outcome: Literal["requested", "already_requested", "already_leaving"]
    asked_at: datetime | None
    actor: str
    held: int  # actions that it holds until they end


def drain_executor(executor_id: UUID, *, actor: str) -> DrainAnswer:
    """Ask an executor to leave once it holds nothing; it is given nothing more. What it holds goes on.

    Asking again changes nothing. For an executor that is being stopped, or is gone, the answer says that. Raises NotFound.
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
        places.drain(executor, actor=actor)
        return DrainAnswer("requested", executor.drain_asked_at, actor, held)


def record_worker(worker: str, connection: str) -> None:
    """Write a heartbeat of a worker: it is connected, to whichever web process."""
    locks.hold(f"{_WORKER}{worker}", connection, seconds=3 * WORKER_HEARTBEAT_SECONDS)


def forget_worker(worker: str, connection: str) -> None:
    locks.release(f"{_WORKER}{worker}", connection)


Lost = tuple[UUID, str]  # an executor to give up, and why


def find_lost(worker: str, running: Collection[str]) -> list[Lost]:
    """Executors of this worker to give up. One statement.

    One that did not start in time; one that the worker does not know and that did not come back by itself; one whose lease
    has run out.
    """
    lost: list[Lost] = []
    for executor, away in _out_of_reach(worker=worker):
        is_unknown = executor.disconnected_at and str(executor.pk) not in running
        if reason := _why_lost(executor, away):
            lost.append((executor.pk, reason))
        elif is_unknown and away > ABSENT_SECONDS:
            lost.append((executor.pk, f"its worker {worker} does not know it, and it did not come back"))
    return lost


def find_orphaned() -> list[Lost]:
    """Executors to give up whose worker is not connected. Two statements at most.

    A worker that is connected sees to its own: it knows which of their processes still run.
    """
    late = [(executor, reason) for executor, away in _out_of_reach() if (reason := _why_lost(executor, away))]
    workers = locks.held(_WORKER) if late else set()
    return [(executor.pk, reason) for executor, reason in late if executor.worker not in workers]


def _out_of_reach(**of: str) -> Iterator[tuple[Executor, float]]:
    """Executors that are not connected, and for how many seconds."""
    now = wall_time()
    alive = Executor.objects.filter(state__in=places.ALIVE, **of)
    for executor in alive.exclude(state=Executor.State.CONNECTED):
        since = executor.disconnected_at or executor.requested_at
        yield executor, (now - since).total_seconds()


def _why_lost(executor: Executor, away: float) -> str:
    if executor.state == Executor.State.STARTING and away > START_SECONDS:
        return f"it did not connect within {START_SECONDS:.0f} s"
    if executor.disconnected_at and away > settings.EXECUTOR_LEASE_SECONDS:
        return f"it has been out of reach for {settings.EXECUTOR_LEASE_SECONDS:.0f} s"
    return ""


def end_lost(lost: Collection[Lost], running: Collection[str] = ()) -> None:
    """End executors that were found lost. What they held is requeued: at once, or after the end of those whose process the
    worker still runs, because until then it may run there.
    """
    for executor_id, reason in lost:
        if str(executor_id) in running:
            with transaction.atomic():
                stop_executor(Executor.objects.select_for_update().get(pk=executor_id), reason)
        else:
            end_executor(executor_id, reason)


def find_stops(worker: str) -> list[worker_frames.StopExecutor]:
    """Executors that this worker is to end. One statement."""
    stopping = Executor.objects.filter(state=Executor.State.STOPPING, worker=worker)
    return [
        worker_frames.StopExecutor(
            executor=str(executor_id), kill_after_seconds=KILL_AFTER_SECONDS, reason=reason
        )
        for executor_id, reason in stopping.values_list("pk", "end_reason")
    ]


def forget_connections() -> None:
    """The server starts: nobody is connected yet, nor holds a lock. What was connected may come back, as after a cut link."""
    locks.release_all()
    there = [Executor.State.CONNECTED, Executor.State.BLOCKED, Executor.State.DRAINING]
    Executor.objects.filter(state__in=there).update(
        state=Executor.State.DISCONNECTED, disconnected_at=wall_time()
    )
    Executor.objects.filter(state=Executor.State.STOPPING).update(disconnected_at=wall_time())
    Executor.objects.filter(state=Executor.State.STARTING).update(
        requested_at=wall_time() - timedelta(seconds=START_SECONDS)
    )


def note_slow_start(pool_key: str, reason: str) -> None:
    """Keep why executors of a pool start slower. Repeating changes nothing. One statement."""
    reason = clean(reason)[:MAX_REASON]
    pools = Pool.objects.filter(key=pool_key).exclude(slow_start=reason)
    if pools.update(slow_start=reason):
        hints.publish(hints.WORKERS)
