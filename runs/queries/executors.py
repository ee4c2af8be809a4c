"""What the page of the executors shows: pools, who serves them, what waits for them and why, and who has left."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from runs import presence
from runs.models import Action, Executor, Pool
from runs.names import RunRef
from runs.phases import LIVE, Phase
from runs.queries.pages import run_path
from runs.queries.waits import (
    CACHE,
    Capacity,
    Supply,
    capacity_of,
    list_alive,
    supply_of,
    why_held_back,
    why_queued,
)
from runs.timeline import between_ms, duration_words

MAX_GONE = 12  # executors that have left and are still told of
MAX_RUNS = 3  # runs that are named of what an executor holds
_State = Executor.State
WORDS: dict[str, str] = {
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
    """An executor. since: when its state began, None when nobody wrote that down; heard_at: when its link was last seen to be up."""

    id: UUID
    short: str
    state: str
    word: str
    note: str
    since: datetime | None
    connected_at: datetime | None
    worker: str
    place: str
    running: int
    starting: int
    capacity: int
    runs: tuple[HeldRun, ...]
    more_runs: int
    heard_at: datetime | None
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
class GoneLine:
    """An executor that has left."""

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
    """A pool that is served, or waited for. label: the environment; tasks: who used it first and last; env: names only,
    because values may be secrets.
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

    @property
    def waiting(self) -> int:
        return sum(wait.count for wait in self.waits)


@dataclass(frozen=True, slots=True)
class Fleet:
    """All of it."""

    pools: tuple[PoolCard, ...]
    gone: tuple[GoneLine, ...]
    workers: int
    alive: int
    most: int

    @property
    def waiting(self) -> int:
        return sum(pool.waiting for pool in self.pools)

    @property
    def held(self) -> int:
        return sum(line.held for pool in self.pools for line in pool.executors)


def get_fleet() -> Fleet:
    """What there is now. Six statements, whatever there is."""
    alive = list(list_alive())
    held = _list_held(alive)
    lines: dict[int, list[ExecutorLine]] = defaultdict(list)
    for executor in alive:
        lines[executor.pool_id].append(_line(executor, held[executor.pk]))
    capacity = capacity_of(alive)
    counts = {executor_id: sum(row[2] for row in rows) for executor_id, rows in held.items()}
    waits = _list_waits(supply_of(alive, dict(counts)), capacity)
    wanted = _named(Pool.objects.filter(pk__in=lines.keys() | waits.keys()).order_by("pk"))
    pools = tuple(_card(pool, lines[pool.pk], waits.get(pool.pk, ())) for pool in wanted)
    return Fleet(pools, _list_gone(), presence.workers_connected(), len(alive), capacity.most)


Held = tuple[RunRef, int, int]  # a run, Phase, and how many actions


def _list_held(alive: Iterable[Executor]) -> defaultdict[Any, list[Held]]:
    found: defaultdict[Any, list[Held]] = defaultdict(list)
    held = Action.objects.filter(executor__in=[one.pk for one in alive], phase__in=sorted(LIVE))
    by_run = held.values_list("executor_id", "run__project__name", "run__domain", "run__name", "phase")
    for executor_id, project, domain, name, phase, count in by_run.annotate(n=Count("pk")).order_by("run_id"):
        found[executor_id].append((RunRef(project, domain, name), phase, count))
    return found


def _line(executor: Executor, held: list[Held]) -> ExecutorLine:
    by_run: Counter[RunRef] = Counter()
    for ref, _, count in held:
        by_run[ref] += count
    running = sum(count for _, phase, count in held if phase == Phase.RUNNING)
    first = by_run.most_common(MAX_RUNS)
    return ExecutorLine(
        id=executor.pk,
        short=str(executor),
        state=executor.state,
        word=WORDS[executor.state],
        note=_note(executor),
        since=_since(executor),
        connected_at=executor.connected_at,
        worker=executor.worker,
        place=f"{executor.host}:{executor.pid}" if executor.host else "",
        running=running,
        starting=by_run.total() - running,
        capacity=executor.capacity,
        runs=tuple(HeldRun(ref.name, run_path(ref), count) for ref, count in first),
        more_runs=len(by_run) - len(first),
        heard_at=executor.heard_at,
        drain_asked_at=executor.drain_asked_at,
        drain_actor=executor.drain_actor,
    )


def _note(executor: Executor) -> str:
    """What follows the word for its state."""
    match executor.state:
        case _State.BLOCKED:
            return "user code blocks its loop"
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
    return None


def _list_waits(supply: defaultdict[int, Supply], capacity: Capacity) -> dict[int, list[Wait]]:
    """What waits for each pool, by its id. Two statements, on indexes that hold only what waits."""
    waits: dict[int, list[Wait]] = defaultdict(list)
    held_back = Q(not_before__gt=timezone.now())
    queued = Action.objects.filter(phase=Phase.QUEUED, pool__isnull=False).values_list("pool_id")
    counted = queued.annotate(
        n=Count("pk"), later=Count("pk", filter=held_back), until=Min("not_before", filter=held_back)
    )
    for pool_id, count, later, until in counted.order_by():
        if count > later:
            waits[pool_id].append(Wait(count - later, why_queued(supply[pool_id], capacity)))
        if later:
            waits[pool_id].append(Wait(later, why_held_back(until, later)))
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
    )


def label_of(pool: Any) -> str:
    """What people call a pool: the environment of the task that used it first, or else the beginning of its key."""
    scope = (pool.first_task or "").rpartition(".")[0]
    return scope or pool.first_task or str(pool)


def _list_gone() -> tuple[GoneLine, ...]:
    gone = list(Executor.objects.filter(state=_State.GONE).order_by("-ended_at")[:MAX_GONE])
    pools = {pool.pk: pool for pool in _named(Pool.objects.filter(pk__in={one.pool_id for one in gone}))}
    return tuple(
        GoneLine(
            short=str(one),
            pool=label_of(pools[one.pool_id]),
            ended_at=one.ended_at or one.requested_at,
            lasted=duration_words(between_ms(one.connected_at, one.ended_at))
            if one.connected_at and one.ended_at
            else "",
            reason=one.end_reason or "it has ended",
        )
        for one in gone
    )
