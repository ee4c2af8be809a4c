"""Why something waits, in words: what stands between an action and the executor that would run it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from django.conf import settings
from django.db.models import Count, Q
from django.utils import timezone

from runs import presence
from runs.models import Action, Executor
from runs.phases import LIVE, Phase
from runs.queries.rows import ActionRow

_State = Executor.State
AT_ONCE = "an executor is about to take it"
FOR_EQUAL = "for an equal call, whose outputs it may take from the cache"
CACHE = f"waits {FOR_EQUAL}"
WORKER = "manage.py worker"
NO_WORKER = f"no worker is connected: start one with {WORKER}"
# What the executors of a pool are that cannot take anything, before what is being done about it.
_HINDERED = {
    _State.BLOCKED: "user code blocks the loop of its executor",
    _State.DISCONNECTED: "its executor is out of reach",
    _State.STOPPING: "its executor is being stopped",
    _State.DRAINING: "its executor drains",
}


@dataclass(slots=True)
class Supply:
    """The executors that a pool has. held and slots: of those that take actions."""

    states: set[str] = field(default_factory=set)
    held: int = 0
    slots: int = 0


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many executors there may be, and who could start one. staying: those that do not drain."""

    workers: int
    staying: int
    most: int


def count_held(executors: Iterable[Executor]) -> dict[object, int]:
    """How many live actions each of these executors has. One statement."""
    held = Action.objects.filter(executor__in=[one.pk for one in executors], phase__in=sorted(LIVE))
    return dict(held.values_list("executor_id").annotate(n=Count("pk")).order_by())


def supply_of(executors: Iterable[Executor], held: dict[object, int]) -> defaultdict[int, Supply]:
    """What each pool has, by its id."""
    found: defaultdict[int, Supply] = defaultdict(Supply)
    for executor in executors:
        supply = found[executor.pool_id]
        supply.states.add(executor.state)
        if executor.state == _State.CONNECTED:
            supply.held += held.get(executor.pk, 0)
            supply.slots += executor.capacity
    return found


def capacity_of(executors: Iterable[Executor]) -> Capacity:
    """What room there is beside these, which are all that are not gone."""
    staying = sum(one.drain_asked_at is None for one in executors)
    return Capacity(presence.workers_connected(), staying, settings.MAX_EXECUTORS)


def why_queued(supply: Supply, capacity: Capacity) -> str:
    """Why something that may be leased is not, as a clause without a full stop."""
    if _State.CONNECTED in supply.states:
        if supply.held < supply.slots:
            return AT_ONCE
        return f"slots full: {supply.held:,} of {supply.slots:,} held"
    if _State.STARTING in supply.states:
        return "no executor for this pool yet: one is starting"
    hindered = (words for state, words in _HINDERED.items() if state in supply.states)
    return f"{next(hindered, 'no executor for this pool yet')}; {_what_next(capacity)}"


def _what_next(capacity: Capacity) -> str:
    """What has to happen before there is another executor."""
    if not capacity.workers:
        return NO_WORKER
    if capacity.staying >= capacity.most:
        return (
            f"MAX_EXECUTORS reached, {capacity.staying} of {capacity.most}: it waits for an idle one to leave"
        )
    return "one is about to be started"


def why_it_waits(action: Action) -> str:
    """Why an action that is queued, or waits for the cache, has not started; "" for every other. At most two statements."""
    if action.abort_id is not None:
        return ""
    if action.phase == Phase.WAITING_FOR_RESOURCES:
        return CACHE
    if action.phase != Phase.QUEUED or action.pool_id is None:
        return ""
    if action.not_before and action.not_before > timezone.now():
        return why_held_back(action.not_before)
    return _reasons({action.pool_id})[action.pool_id]


def _reasons(pools: set[int]) -> dict[int, str]:
    """Why what is queued for each of these pools waits, by the pool's id. At most two statements."""
    executors = list(list_alive())
    theirs = [one for one in executors if one.pool_id in pools]
    supply = supply_of(theirs, count_held(theirs) if theirs else {})
    capacity = capacity_of(executors)
    return {pool: why_queued(supply[pool], capacity) for pool in pools}


def with_reasons(rows: dict[int, ActionRow]) -> dict[int, ActionRow]:
    """The same rows, by id; those that wait for longer with the reason. At most two statements, none when nothing is queued."""
    queued = {row.id: row.pool_id for row in rows.values() if row.pool_id is not None and _is_ready(row)}
    reasons = _reasons(set(queued.values())) if queued else {}
    waits = {id_: reasons[pool] for id_, pool in queued.items() if reasons[pool] != AT_ONCE}
    waits |= {row.id: FOR_EQUAL for row in rows.values() if row.look == "waiting-for-resources"}
    return rows | {id_: replace(rows[id_], waits=why) for id_, why in waits.items()}


def _is_ready(row: ActionRow) -> bool:
    """Whether it could be leased now; a retry, once its wait is over."""
    if row.look == "retrying":
        return row.not_before is not None and row.not_before <= timezone.now()
    return row.look == "queued"


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """A run that no executor has claimed. command: what would help, "" when nothing has to be done."""

    since: datetime
    why: str
    command: str


def get_unclaimed(run_id: int) -> Unclaimed | None:
    """Why the root of a run waits; None once it does not. At most three statements."""
    root = Action.objects.filter(run=run_id, parent=None).first()
    if root is None or root.attempt > 1 or not (why := why_it_waits(root)):
        return None
    return Unclaimed(root.created_at, why, WORKER if why.endswith(NO_WORKER) else "")


def why_held_back(until: datetime, count: int = 1) -> str:
    """Why so many retries wait, the first of them until then."""
    at = f"{until.astimezone(UTC):%H:%M:%S} UTC"
    return f"a retry that waits until {at}" if count == 1 else f"retries, the first of which waits until {at}"


def list_alive() -> Iterable[Executor]:
    """The executors that are not gone, oldest first. One statement, on the index executor_alive."""
    return Executor.objects.filter(~Q(state=_State.GONE)).order_by("requested_at", "pk")
