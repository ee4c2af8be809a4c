"""Draining: nothing more is leased, what is held goes on, and the wish outlives the link."""

from __future__ import annotations

import pytest

from runs.domain.phases import Phase
from runs.engine import leases
from runs.engine.executors import heartbeats, scheduling
from runs.models import Executor
from runs.protocol import frames
from tests.support.scene import Scene

pytestmark = pytest.mark.django_db(transaction=True)
State = Executor.State


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.start()
    return scene


def drain(scene: Scene) -> scheduling.DrainAnswer:
    return scheduling.drain_executor(scene.executor_id, actor="ann")


def executor_of(scene: Scene) -> Executor:
    return Executor.objects.get(pk=scene.executor_id)


def connect_again(scene: Scene) -> None:
    held = [frames.Held(scene.key(), scene.lease_epoch("a0"))]
    scene.epoch = leases.connect_executor(scene.hello(scene.executor_id, scene.epoch, held)).epoch


def test_what_it_holds_goes_on_and_what_comes_goes_elsewhere(scene: Scene):
    assert drain(scene).held == 1

    scene.batch(scene.enqueue("x"))

    assert scene.phases() == {"a0": Phase.RUNNING, "x": Phase.QUEUED}
    assert scene.lease() == []
    assert leases.get_offer(scene.executor_id) == leases.Offer(0, is_draining=True)
    assert scheduling.is_needed()


def test_its_place_is_free_for_another_one_so_that_its_parents_do_not_wait_for_ever(scene: Scene, settings):
    settings.MAX_EXECUTORS = 1
    scene.batch(scene.enqueue("x", spec=None))
    drain(scene)
    scene.batch(scene.enqueue("y"))

    demand = scheduling.claim_demand("w1")

    assert [launch.pool for launch in demand.launches] == [scene.pool.key]
    assert scheduling.claim_demand("w1").launches == []


def test_it_drains_still_when_its_link_comes_back(scene: Scene):
    drain(scene)

    leases.disconnect_executor(scene.executor_id, scene.epoch)
    assert executor_of(scene).state == State.DISCONNECTED
    connect_again(scene)

    assert executor_of(scene).state == State.DRAINING


def test_it_drains_still_when_it_was_taken_for_lost(scene: Scene):
    drain(scene)
    Executor.objects.update(state=State.DISCONNECTED)

    heartbeats.record(scene.executor_id, scene.epoch)

    assert executor_of(scene).state == State.DRAINING


def test_a_blocked_one_hears_of_it_and_drains_once_its_loop_runs(scene: Scene):
    scene.batch(frames.LoopState(responsive=False, at=frames.now_us(), stack=""))
    drain(scene)
    assert executor_of(scene).state == State.BLOCKED
    assert leases.get_offer(scene.executor_id).is_draining

    scene.batch(frames.LoopState(responsive=True, at=frames.now_us(), stack=""))

    assert executor_of(scene).state == State.DRAINING


def test_one_that_is_starting_leaves_when_it_connects(scene: Scene):
    starting = Executor.objects.create(pool=scene.pool, capacity=1)
    scheduling.drain_executor(starting.pk, actor="ann")

    leases.connect_executor(scene.hello(starting.pk, 0))

    assert leases.get_offer(starting.pk).is_draining


def test_once_it_holds_nothing_it_leaves_and_says_who_asked(scene: Scene):
    drain(scene)
    scene.batch(scene.finished())

    leases.disconnect_executor(scene.executor_id, scene.epoch)

    gone = executor_of(scene)
    assert (gone.state, gone.end_reason) == (State.GONE, "drained: ann asked it to leave")


def test_asking_again_keeps_the_first_request(scene: Scene):
    first = drain(scene)

    again = scheduling.drain_executor(scene.executor_id, actor="bob")

    assert (again.outcome, again.actor, again.asked_at) == ("already_requested", "ann", first.asked_at)
