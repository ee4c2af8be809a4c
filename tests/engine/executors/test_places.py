"""A run has executors of its own while there is room, and nothing that only waits for its children keeps them from a place.

For any depth, any number of environments, any limits.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from uuid import UUID

import hypothesis
import pytest
from flyteidl2.actions import actions_service_pb2
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from runs.domain.names import ROOT, ActionRef
from runs.domain.phases import LIVE, TERMINAL, Phase
from runs.domain.specs import read_action, read_task_spec
from runs.engine import leases
from runs.engine.creation import create_run, enqueue
from runs.engine.executors import places, scheduling
from runs.models import Action, Executor, Project, Run
from runs.protocol import frames
from runs.protocol.frames import Key
from tests.support.fake_executor import FakeExecutor, Stage
from tests.support.long import long_or_short
from tests.support.scene import DOMAIN, PROJECT, Scene, new_run, task_spec

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(600)]
ROUNDS = 200
PROFILE = hypothesis.settings(
    max_examples=long_or_short(200, 6), deadline=None, suppress_health_check=list(HealthCheck)
)
ENVIRONMENTS = 4


@dataclass
class Node:
    """An action of a flow: its environment, and the children that it enqueues at once and waits for."""

    environment: int
    children: list[Node] = field(default_factory=list)


environments = st.integers(0, ENVIRONMENTS - 1)
flows = st.recursive(
    st.builds(Node, environments),
    lambda below: st.builds(Node, environments, st.lists(below, max_size=3)),
    max_leaves=12,
)


def spec_of(node: Node) -> bytes:
    return task_spec("env.task", bundle=f"file:///{node.environment}.tgz")


class Cluster:
    """A worker that starts what it is asked for, and executors whose parents wait for all of their children."""

    def __init__(self, roots: list[Node]) -> None:
        self.executors: list[FakeExecutor] = []
        self.drained: list[UUID] = []
        self.endless: set[Key] = set()  # what does not end although nothing is below it
        self.granted: dict[tuple[Key, int], UUID] = {}
        self.nodes: dict[Key, Node] = {}
        self.runs: dict[int, str] = {}
        for node in roots:
            self.submit(node)

    def submit(self, node: Node) -> Key:
        ref = create_run(new_run(read_task_spec(spec_of(node))))
        run = Run.objects.get(name=ref.name)
        self.runs[run.pk] = ref.name
        self.nodes[Key(run.pk, ROOT)] = node
        return Key(run.pk, ROOT)

    def turn(self) -> None:
        demand = scheduling.claim_demand("worker")
        self.drained += demand.drained
        for launch in demand.launches:
            executor = FakeExecutor(UUID(launch.executor), launch.pool, self.granted, launch.capacity)
            executor.connect()
            self.executors.append(executor)
        for executor in [one for one in self.executors if one.is_alive]:
            executor.take_news()
            if executor.is_alive:
                executor.take(
                    leases.lease_queued(executor.id, executor.epoch, leases.get_offer(executor.id).count)
                )
                self.go_on(executor)
                executor.flush()

    def go_on(self, executor: FakeExecutor) -> None:
        for key, action in executor.holding(Stage.WAITING):
            executor.start(key, action)
            for number, child in enumerate(self.nodes[key].children):
                name = f"{key.name}-{number}"
                self.nodes[Key(key.run, name)] = child
                executor.say(frames.Enqueue(key.run, key.name, self.message(key, name, child)))
        for key, action in executor.holding(Stage.RUNNING):
            if key not in self.endless and self.have_all_ended(key):
                executor.finish(key, action, "succeeded")

    def message(self, key: Key, name: str, node: Node) -> bytes:
        action = actions_service_pb2.Action(parent_action_name=key.name, input_uri="file:///inputs.pb")
        action.action_id.name = name
        run = action.action_id.run
        run.project, run.domain, run.name = PROJECT, DOMAIN, self.runs[key.run]
        action.task.spec.ParseFromString(spec_of(node))
        return action.SerializeToString()

    def are_apart(self) -> bool:
        """Whether no executor has ever got actions of two runs."""
        runs = defaultdict(set)
        for (key, _), executor_id in self.granted.items():
            runs[executor_id].add(key.run)
        return all(len(those) == 1 for those in runs.values())

    def have_all_ended(self, key: Key) -> bool:
        below = Action.objects.filter(run=key.run, parent__name=key.name)
        return below.filter(phase__in=sorted(TERMINAL)).count() == len(self.nodes[key].children)


@pytest.mark.parametrize("most", [1, 2, 99])
@pytest.mark.parametrize("capacity", [1, 2, 100])
def test_every_flow_comes_to_its_end(settings, most: int, capacity: int):
    settings.MAX_EXECUTORS, settings.EXECUTOR_CAPACITY = most, capacity
    Project.objects.get_or_create(name=PROJECT)

    @given(st.lists(flows, min_size=1, max_size=4))
    @PROFILE
    def check(roots: list[Node]) -> None:
        cluster = Cluster(roots)
        for _ in range(ROUNDS):
            cluster.turn()
            if not Action.objects.exclude(phase__in=sorted(TERMINAL)).exists():
                break
        stuck = Action.objects.exclude(phase__in=sorted(TERMINAL)).values_list("name", "phase")
        assert not stuck, [(name, Phase(phase).name) for name, phase in stuck]
        assert cluster.are_apart() or most < 99
        assert not Executor.objects.filter(state=Executor.State.CONNECTED, runs__isnull=False), (
            "one outlived its run"
        )
        Executor.objects.update(state=Executor.State.GONE)

    check()


def live() -> set[UUID]:
    """Of those that serve a run."""
    connected = Executor.objects.filter(state=Executor.State.CONNECTED, runs__isnull=False)
    return set(connected.values_list("pk", flat=True))


def served(executor_id: UUID) -> set[int]:
    return set(Executor.objects.get(pk=executor_id).runs.values_list("pk", flat=True))


@pytest.fixture
def cluster() -> Cluster:
    Project.objects.get_or_create(name=PROJECT)
    return Cluster([])


def hold(cluster: Cluster, environment: int = 0) -> Key:
    """A run whose root is held, and does not end."""
    key = cluster.submit(Node(environment))
    cluster.endless.add(key)
    cluster.turn()
    return key


def test_each_run_has_an_executor_of_its_own_which_leaves_with_it(cluster: Cluster):
    one, two = hold(cluster), hold(cluster)
    assert len(live()) == 2
    assert cluster.are_apart()

    cluster.endless.remove(one)
    cluster.turn()
    cluster.turn()

    (left,) = live()
    assert served(left) == {two.run}
    (gone,) = Executor.objects.filter(state=Executor.State.GONE)
    assert gone.end_reason == "its run has ended"


def test_where_there_is_no_room_runs_of_a_pool_share_the_executor_that_serves_the_fewest(
    cluster: Cluster, settings
):
    settings.MAX_EXECUTORS = 2
    runs = [hold(cluster) for _ in range(6)]

    assert Action.objects.filter(executor__isnull=False, phase__in=sorted(LIVE)).count() == 6
    assert [len(served(executor)) for executor in live()] == [3, 3]

    cluster.endless.difference_update(runs[:-1])
    for _ in range(3):
        cluster.turn()

    assert len(live()) == 1, "the executor of runs that have all ended stayed"
    new = hold(cluster)
    assert cluster.granted[new, 1] != cluster.granted[runs[-1], 1], "there was room for one of its own"


def test_an_idle_executor_makes_room_before_any_is_shared(cluster: Cluster, settings):
    settings.MAX_EXECUTORS = 2
    first = cluster.submit(Node(0, [Node(1)]))
    cluster.endless.add(first)
    for _ in range(3):
        cluster.turn()
    idle = cluster.granted[Key(first.run, "a0-0"), 1]

    second = hold(cluster)
    cluster.turn()

    assert cluster.drained == [idle]
    assert cluster.granted[second, 1] != cluster.granted[first, 1]


def test_runs_that_hold_all_the_places_keep_no_other_pool_out(cluster: Cluster, settings):
    settings.MAX_EXECUTORS = 2
    for _ in range(3):
        hold(cluster)

    other = hold(cluster, 1)

    assert Action.objects.get(run=other.run).phase == Phase.RUNNING
    assert len(live()) == 3


def test_a_pool_for_which_nobody_waits_waits_for_room(settings):
    """The limit is kept where it does no harm: the roots of other runs."""
    settings.MAX_EXECUTORS = 1
    Project.objects.get_or_create(name=PROJECT)
    cluster = Cluster([Node(0, [Node(1)]), Node(2)])

    cluster.turn()
    cluster.turn()

    pools = Executor.objects.exclude(state=Executor.State.GONE).values_list("pool__bundle_uri", flat=True)
    assert sorted(pools) == ["file:///0.tgz", "file:///1.tgz"]


def test_slots_that_only_waiting_parents_hold_are_free_for_their_children(settings):
    settings.EXECUTOR_CAPACITY = 2
    Project.objects.get_or_create(name=PROJECT)
    cluster = Cluster([Node(0, [Node(0, [Node(0)])])])

    most = 0
    for _ in range(20):
        cluster.turn()
        most = max(most, Action.objects.filter(executor__isnull=False, phase__in=sorted(LIVE)).count())

    assert most == 3
    assert Action.objects.get(name=ROOT).phase == Phase.SUCCEEDED
    assert leases.free_slots(Executor.objects.exclude(runs=None).get()) == 2


def test_an_offer_that_was_read_before_a_batch_took_the_slots_gives_no_more(db: None):
    """The feed of an executor reads its offer while its batches lease what they ask for."""
    scene = Scene(capacity=3)
    scene.start()
    for name in ("first", "second"):
        enqueue(ActionRef(scene.ref, ROOT), read_action(scene.message(name)))
    offered = leases.get_offer(scene.executor_id).count
    scene.batch(*[scene.enqueue(f"c{number}") for number in range(3)])

    given = leases.lease_queued(scene.executor_id, scene.epoch, offered)

    held = Action.objects.filter(executor=scene.executor_id, phase__in=sorted(LIVE)).exclude(name=ROOT)
    assert (offered, held.count(), len(given)) == (2, 3, 1)


def reserve() -> list[UUID]:
    there = Executor.objects.filter(runs=None, state=Executor.State.CONNECTED, drain_asked_at=None)
    return list(there.values_list("pk", flat=True))


def test_a_pool_keeps_an_executor_in_reserve_and_its_next_run_adopts_it(cluster: Cluster):
    first = hold(cluster)
    cluster.turn()
    (kept,) = reserve()

    second = cluster.submit(Node(0))

    assert served(kept) == {second.run}, "it was adopted when the run was created"
    assert not scheduling.is_needed()
    cluster.endless.add(second)
    cluster.turn()
    assert cluster.granted[second, 1] == kept
    assert cluster.granted[first, 1] != kept
    cluster.turn()
    assert len(reserve()) == 1


def test_a_reserve_makes_room_first_and_does_not_come_again(cluster: Cluster, settings):
    settings.MAX_EXECUTORS = 2
    hold(cluster)
    cluster.turn()
    (kept,) = reserve()

    other = hold(cluster, 1)
    for _ in range(3):
        cluster.turn()

    assert cluster.drained == [kept]
    assert Action.objects.get(run=other.run).phase == Phase.RUNNING
    assert reserve() == []
    assert not scheduling.is_reserve_needed()


def test_a_reserve_that_has_failed_is_not_asked_for_again(cluster: Cluster, monkeypatch):
    hold(cluster)
    (launch,) = scheduling.claim_demand("worker").launches
    assert launch.is_reserve

    leases.end_executor(UUID(launch.executor), "it has failed")

    assert not scheduling.is_reserve_needed()
    monkeypatch.setattr(places, "RESERVE_SECONDS", 0.0)
    assert not scheduling.is_reserve_needed(), "nobody has used this pool lately"


def test_an_executor_in_reserve_is_what_a_run_gets_whose_own_was_lost(cluster: Cluster):
    run = hold(cluster)
    cluster.turn()
    (kept,) = reserve()

    leases.end_executor(cluster.granted[run, 1], "it has crashed")
    assert scheduling.is_needed()
    launches = scheduling.claim_demand("worker").launches

    assert run.run in served(kept)
    assert not [launch for launch in launches if not launch.is_reserve]


def test_nothing_is_kept_in_reserve_where_the_setting_says_so(cluster: Cluster, settings):
    settings.KEEP_RESERVE = False
    hold(cluster)
    cluster.turn()

    assert reserve() == []
    assert not scheduling.is_reserve_needed()
