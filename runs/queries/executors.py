"""What the page of the executors shows: pools, their executors, what waits for them and why, and what stopped recently."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from runs.domain.addresses.pages import run_path
from runs.domain.names import RunRef
from runs.domain.phases import LIVE, Phase
from runs.domain.texts import format_bytes
from runs.domain.timeline import between_ms, format_duration
from runs.models import Action, Executor, Pool
from runs.queries.images import waits_for_image
from runs.queries.waits import (
    CACHE,
    Capacity,
    Place,
    Supply,
    capacity_of,
    count_held,
    list_alive,
    list_served,
    supply_of,
    why_held_back,
    why_queued,
)
from runs.store import presence

MAX_STOPPED = 12  # recently stopped executors that are listed
MAX_RUNS = 3  # runs that are named in the line of an executor
IN_RESERVE = "in reserve for the next run"
_State = Executor.State
STATE_LABELS: dict[str, str] = {
    _State.STARTING: "Starting",
    _State.CONNECTED: "Connected",
    _State.BLOCKED: "Blocked",
    _State.DISCONNECTED: "Disconnected",
    _State.DRAINING: "Draining",
    _State.STOPPING: "Stopping",
}


@dataclass(frozen=True, slots=True)
class HeldRun:
    """A run of which an executor holds actions."""

    name: str
    path: str
    count: int


@dataclass(frozen=True, slots=True)
class ExecutorLine:
    """An executor. since: when its state began, None when that is not recorded; heartbeat_at: when its link was last seen to be up;
    shared_by: how many runs share it, 0 where one has it for itself.
    """

    id: UUID
    short: str
    state: str
    state_label: str
    note: str
    shared_by: int
    since: datetime | None
    connected_at: datetime | None
    worker: str
    place: str
    running: int
    starting: int
    capacity: int
    runs: tuple[HeldRun, ...]
    more_runs: int
    heartbeat_at: datetime | None
    drain_asked_at: datetime | None
    drain_actor: str

    @property
    def held(self) -> int:
        return self.running + self.starting

    @property
    def load(self) -> int:
        """Percent of its slots that are taken; what it holds at all shows."""
        return max(min(100 * self.held // max(self.capacity, 1), 100), 2 if self.held else 0)

    @property
    def can_drain(self) -> bool:
        return self.drain_asked_at is None and self.state != _State.STOPPING


@dataclass(frozen=True, slots=True)
class StoppedLine:
    """An executor that has stopped."""

    short: str
    pool: str
    ended_at: datetime
    lasted: str
    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """So many actions wait, for this reason."""

    count: int
    why: str


@dataclass(frozen=True, slots=True)
class PoolCard:
    """A pool that has executors, or actions that wait for one. label: the environment; tasks: who used it first and last; env: names only,
    because values may be secrets; slow_start: why its executors start slower, "" if they do not.
    """

    id: int
    key: str
    label: str
    tasks: tuple[str, ...]
    bundle: str
    image: str
    env: tuple[str, ...]
    executors: tuple[ExecutorLine, ...]
    waits: tuple[Wait, ...]
    slow_start: str

    @property
    def waiting(self) -> int:
        return sum(wait.count for wait in self.waits)


@dataclass(frozen=True, slots=True)
class ExecutorsPage:
    """The pools with their executors, and what stopped last. most: how many executors there may be; environments: the Python
    environments of images that the workers have on their disks.
    """

    pools: tuple[PoolCard, ...]
    recently_stopped: tuple[StoppedLine, ...]
    workers: int
    alive: int
    most: int
    environments: int
    environments_take: str

    @property
    def waiting(self) -> int:
        return sum(pool.waiting for pool in self.pools)

    @property
    def held(self) -> int:
        return sum(line.held for pool in self.pools for line in pool.executors)


def get_executors_page() -> ExecutorsPage:
    """The page as it is now. Eleven statements at most, however many executors there are."""
    alive = list(list_alive())
    held, served = _list_held(alive), list_served(alive)
    sharing = _count_sharing(alive)
    lines: dict[int, list[ExecutorLine]] = defaultdict(list)
    for executor in alive:
        is_reserve = executor.pk not in served
        line = _line(executor, held[executor.pk], sharing.get(executor.pk, 0), is_reserve=is_reserve)
        lines[executor.pool_id].append(line)
    capacity = capacity_of(alive)
    waits = _list_waits(supply_of(alive, served, count_held(alive)), capacity)
    wanted = _named(Pool.objects.filter(pk__in=lines.keys() | waits.keys()).order_by("pk"))
    pools = tuple(_card(pool, lines[pool.pk], waits.get(pool.pk, ())) for pool in wanted)
    stored = presence.list_environments()
    return ExecutorsPage(
        pools, _list_recently_stopped(), presence.workers_connected(), len(alive), capacity.most,
        environments=len(stored), environments_take=format_bytes(sum(stored.values())),
    )  # fmt: skip


Held = tuple[RunRef, int, int]  # a run, Phase, and how many actions


def _list_held(alive: Iterable[Executor]) -> defaultdict[Any, list[Held]]:
    found: defaultdict[Any, list[Held]] = defaultdict(list)
    held = Action.objects.filter(executor__in=[one.pk for one in alive], phase__in=sorted(LIVE))
    by_run = held.values_list("executor_id", "run__project__name", "run__domain", "run__name", "phase")
    for executor_id, project, domain, name, phase, count in by_run.annotate(n=Count("pk")).order_by("run_id"):
        found[executor_id].append((RunRef(project, domain, name), phase, count))
    return found


def _count_sharing(alive: Iterable[Executor]) -> dict[Any, int]:
    """How many runs that live each of these serves. One statement."""
    live = Q(runs__actions__parent=None, runs__actions__phase__in=sorted(LIVE))
    counted = Executor.objects.filter(live, pk__in=[one.pk for one in alive]).annotate(n=Count("runs"))
    return dict(counted.values_list("pk", "n").order_by())


def _line(executor: Executor, held: list[Held], sharing: int, *, is_reserve: bool) -> ExecutorLine:
    by_run: Counter[RunRef] = Counter()
    for ref, _, count in held:
        by_run[ref] += count
    running = sum(count for _, phase, count in held if phase == Phase.RUNNING)
    first = by_run.most_common(MAX_RUNS)
    return ExecutorLine(
        id=executor.pk,
        short=str(executor),
        state=executor.state,
        state_label=STATE_LABELS[executor.state],
        note=_note(executor) or (IN_RESERVE if is_reserve else ""),
        shared_by=sharing if sharing > 1 else 0,
        since=_since(executor),
        connected_at=executor.connected_at,
        worker=executor.worker,
        place=f"{executor.host}:{executor.pid}" if executor.host else "",
        running=running,
        starting=by_run.total() - running,
        capacity=executor.capacity,
        runs=tuple(HeldRun(ref.name, run_path(ref), count) for ref, count in first),
        more_runs=len(by_run) - len(first),
        heartbeat_at=executor.heartbeat_at,
        drain_asked_at=executor.drain_asked_at,
        drain_actor=executor.drain_actor,
    )


def _note(executor: Executor) -> str:
    """What the page adds to the state."""
    match executor.state:
        case _State.BLOCKED:
            by = executor.blocked_by
            return f"{by} of run {by.run} blocks its event loop" if by else "user code blocks its event loop"
        case _State.STOPPING:
            return executor.end_reason
    return ""


def _since(executor: Executor) -> datetime | None:
    match executor.state:
        case _State.STARTING:
            return executor.requested_at
        case _State.CONNECTED:
            return executor.connected_at
        case _State.DISCONNECTED:
            return executor.disconnected_at
        case _State.DRAINING:
            return executor.drain_asked_at
        case _State.BLOCKED:
            return executor.blocked_since
    return None


def _list_waits(supply: defaultdict[Place, Supply], capacity: Capacity) -> dict[int, list[Wait]]:
    """What waits for each pool, by its id. Three statements at most, on indexes that hold only what waits."""
    waits: dict[int, list[Wait]] = defaultdict(list)
    held_back = Q(not_before__gt=timezone.now())
    waiting = Action.objects.filter(phase=Phase.QUEUED, pool__isnull=False).values_list("pool_id", "run_id")
    counted = waiting.annotate(
        n=Count("pk"), later=Count("pk", filter=held_back), until=Min("not_before", filter=held_back)
    )
    reasons: defaultdict[int, Counter[str]] = defaultdict(Counter)
    retries: dict[int, tuple[int, datetime]] = {}
    queued = list(counted.order_by())
    for_image = waits_for_image({pool_id for pool_id, *_ in queued}) if queued else {}
    for pool_id, run_id, count, later, until in queued:
        if count > later:
            why = for_image.get(pool_id) or why_queued(pool_id, supply[pool_id, run_id], capacity)
            reasons[pool_id][why] += count - later
        if later:
            number, first = retries.get(pool_id, (0, until))
            retries[pool_id] = number + later, min(first, until)
    for pool_id, counts in reasons.items():
        waits[pool_id] += [Wait(number, reason) for reason, number in counts.most_common()]
    for pool_id, (number, first) in retries.items():
        waits[pool_id].append(Wait(number, why_held_back(first, number)))
    cached = Action.objects.filter(phase=Phase.WAITING_FOR_RESOURCES, pool__isnull=False, cache_key__gt="")
    for pool_id, count in cached.values_list("pool_id").annotate(n=Count("pk")).order_by():
        waits[pool_id].append(Wait(count, CACHE))
    return waits


def _named(pools: QuerySet[Pool]) -> QuerySet[Pool]:
    """With the tasks that were the first and the last to use each of them; all that there are could be many."""
    used = Action.objects.filter(pool=OuterRef("pk")).exclude(task_name="").values("task_name")
    return pools.annotate(
        first_task=Subquery(used.order_by("pk")[:1]), last_task=Subquery(used.order_by("-pk")[:1])
    )


def _card(pool: Any, lines: list[ExecutorLine], waits: Iterable[Wait]) -> PoolCard:
    return PoolCard(
        id=pool.pk,
        key=str(pool),
        label=label_of(pool),
        tasks=tuple(dict.fromkeys(filter(None, (pool.first_task, pool.last_task)))),
        bundle=pool.bundle_uri.rpartition("/")[2],
        image=pool.image,
        env=tuple(sorted(pool.env)),
        executors=tuple(lines),
        waits=tuple(waits),
        slow_start=pool.slow_start,
    )


def label_of(pool: Any) -> str:
    """What people call a pool: the environment of the task that used it first, or else the beginning of its key."""
    scope = (pool.first_task or "").rpartition(".")[0]
    return scope or pool.first_task or str(pool)


def _list_recently_stopped() -> tuple[StoppedLine, ...]:
    gone = list(Executor.objects.filter(state=_State.GONE).order_by("-ended_at")[:MAX_STOPPED])
    pools = {pool.pk: pool for pool in _named(Pool.objects.filter(pk__in={one.pool_id for one in gone}))}
    return tuple(
        StoppedLine(
            short=str(one),
            pool=label_of(pools[one.pool_id]),
            ended_at=one.ended_at or one.requested_at,
            lasted=format_duration(between_ms(one.connected_at, one.ended_at))
            if one.connected_at and one.ended_at
            else "",
            reason=one.end_reason or "it has ended",
        )
        for one in gone
    )
