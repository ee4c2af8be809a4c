"""Why an action waits: the reason that no executor runs it yet, as a clause for people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q
from django.utils import timezone

from runs.domain.phases import LIVE, Phase
from runs.engine import concurrency
from runs.models import Action, Executor
from runs.queries.images import waits_for_image
from runs.queries.rows import ActionRow
from runs.store import presence

_State = Executor.State
AT_ONCE = "an executor is about to take it"
FOR_EQUAL = "for an equal call, whose outputs it may take from the cache"
CACHE = f"waits {FOR_EQUAL}"
WORKER = "flyteui worker"
NO_WORKER = f"no worker is connected: start one with {WORKER}"
# Why the executors of a run take no action; `_what_next` follows.
_HINDERED = {
    _State.BLOCKED: "user code blocks the loop of its executor",
    _State.DISCONNECTED: "its executor is out of reach",
    _State.STOPPING: "its executor is being stopped",
    _State.DRAINING: "its executor drains",
}


Place = tuple[int, int]  # the ids of a pool and of a run


@dataclass(slots=True)
class Supply:
    """The executors that a run has in a pool. held and slots: of those that take actions."""

    states: set[str] = field(default_factory=set)
    held: int = 0
    slots: int = 0


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many executors there may be, and who could start one. staying: those that do not drain; hosts: pools that have
    one that another run could share.
    """

    workers: int
    staying: int
    most: int
    hosts: frozenset[int]


def count_held(executors: Iterable[Executor]) -> dict[object, int]:
    """How many slots of each of these executors are held. What waits for children holds none. One statement."""
    live = Action.objects.filter(phase__in=sorted(LIVE))
    held = live.filter(
        ~Exists(live.filter(parent=OuterRef("pk"))), executor__in=[one.pk for one in executors]
    )
    return dict(held.values_list("executor_id").annotate(n=Count("pk")).order_by())


def list_served(executors: Iterable[Executor]) -> dict[object, list[int]]:
    """The ids of the runs that each of these executors serves, those that have ended too. One statement."""
    served: defaultdict[object, list[int]] = defaultdict(list)
    rows = Executor.runs.through.objects.filter(executor__in=[one.pk for one in executors])
    for executor_id, run_id in rows.order_by("pk").values_list("executor_id", "run_id"):
        served[executor_id].append(run_id)
    return served


def supply_of(
    executors: Iterable[Executor], served: dict[object, list[int]], held: dict[object, int]
) -> defaultdict[Place, Supply]:
    """What each run has in each pool."""
    found: defaultdict[Place, Supply] = defaultdict(Supply)
    for executor in executors:
        for run_id in served.get(executor.pk, ()):
            supply = found[executor.pool_id, run_id]
            supply.states.add(executor.state)
            if executor.state == _State.CONNECTED:
                supply.held += held.get(executor.pk, 0)
                supply.slots += executor.capacity
    return found


def capacity_of(executors: Iterable[Executor]) -> Capacity:
    """What room there is beside these, which are all that are not gone."""
    staying = [one for one in executors if one.drain_asked_at is None]
    hosts = frozenset(one.pool_id for one in staying if one.state in {_State.STARTING, _State.CONNECTED})
    return Capacity(presence.workers_connected(), len(staying), settings.MAX_EXECUTORS, hosts)


def why_queued(pool_id: int, supply: Supply, capacity: Capacity) -> str:
    """Why something that may be leased is not, as a clause without a full stop."""
    if _State.CONNECTED in supply.states:
        if supply.held < supply.slots:
            return AT_ONCE
        return f"slots full: {supply.held:,} of {supply.slots:,} held"
    if _State.STARTING in supply.states:
        return "no executor for this run yet: one is starting"
    hindered = (reason for state, reason in _HINDERED.items() if state in supply.states)
    return f"{next(hindered, 'no executor for this run yet')}; {_what_next(pool_id, capacity)}"


def _what_next(pool_id: int, capacity: Capacity) -> str:
    """What must happen before the run gets another executor."""
    if not capacity.workers:
        return NO_WORKER
    if capacity.staying >= capacity.most:
        then = (
            "shares one with another run" if pool_id in capacity.hosts else "waits for an idle one to leave"
        )
        return f"MAX_EXECUTORS reached, {capacity.staying} of {capacity.most}: it {then}"
    return "one is about to be started"


def why_it_waits(action: Action) -> str:
    """Why an action that is queued, or waits for the cache, has not started; "" for every other. At most six statements."""
    if action.abort_id is not None:
        return ""
    if action.phase == Phase.WAITING_FOR_RESOURCES:
        return CACHE
    if action.phase != Phase.QUEUED or action.pool_id is None:
        return ""
    if action.not_before and action.not_before > timezone.now():
        return why_held_back(action.not_before)
    place = action.pool_id, action.run_id
    return _reasons({place})[place]


def why_no_room(limit: concurrency.Limit) -> str:
    """Why an action waits whose run has reached its limit."""
    return (
        f"the run has {limit.running:,} of at most {limit.most:,} actions at a time (max_action_concurrency)"
    )


def _reasons(wanted: set[Place]) -> dict[Place, str]:
    """Why what is queued for each of these places waits. At most six statements."""
    limits = concurrency.find_limits({run_id for _, run_id in wanted})
    full = {run_id: why_no_room(limit) for run_id, limit in limits.items() if not limit.room}
    executors = list(list_alive())
    pools = {pool_id for pool_id, _ in wanted}
    theirs = [one for one in executors if one.pool_id in pools]
    supply = supply_of(theirs, list_served(theirs), count_held(theirs)) if theirs else defaultdict(Supply)
    capacity = capacity_of(executors)
    for_image = waits_for_image(pools)
    return {
        place: full.get(place[1]) or for_image.get(place[0]) or why_queued(place[0], supply[place], capacity)
        for place in wanted
    }


def with_reasons(rows: dict[int, ActionRow]) -> dict[int, ActionRow]:
    """The same rows, by id; those that wait for longer with the reason. At most four statements, none when nothing is queued."""
    queued = {
        row.id: (row.pool_id, row.run_id)
        for row in rows.values()
        if row.pool_id is not None and _is_ready(row)
    }
    reasons = _reasons(set(queued.values())) if queued else {}
    waits = {id_: reasons[place] for id_, place in queued.items() if reasons[place] != AT_ONCE}
    waits |= {row.id: FOR_EQUAL for row in rows.values() if row.status == "waiting-for-resources"}
    return rows | {id_: replace(rows[id_], waits=why) for id_, why in waits.items()}


def _is_ready(row: ActionRow) -> bool:
    """Whether it could be leased now; a retry, once its wait is over."""
    if row.status == "retrying":
        return row.not_before is not None and row.not_before <= timezone.now()
    return row.status == "queued"


@dataclass(frozen=True, slots=True)
class Unclaimed:
    """A run that no executor has claimed. command: what would help, "" when nothing has to be done."""

    since: datetime
    why: str
    command: str


def get_unclaimed(run_id: int) -> Unclaimed | None:
    """Why the root of a run waits; None once it does not. At most five statements."""
    root = Action.objects.filter(run=run_id, parent=None).first()
    if root is None or root.attempt > 1 or not (why := why_it_waits(root)):
        return None
    return Unclaimed(root.created_at, why, WORKER if why.endswith(NO_WORKER) else "")


def why_held_back(until: datetime, count: int = 1) -> str:
    """Why `count` retries wait; `until` is when the first of them goes on."""
    at = f"{until.astimezone(UTC):%H:%M:%S} UTC"
    return f"a retry that waits until {at}" if count == 1 else f"retries, the first of which waits until {at}"


def list_alive() -> Iterable[Executor]:
    """The executors that are not gone, oldest first. One statement, on the index executor_alive."""
    alive = Executor.objects.filter(~Q(state=_State.GONE)).select_related("blocked_by__run")
    return alive.order_by("requested_at", "pk")
