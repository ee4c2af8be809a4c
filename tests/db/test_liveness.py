"""Who counts as connected: what its web process says again and again, and nothing else (law 11)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from runs import dispatch, leases, liveness
from runs.errors import ExecutorError, LeaseLost
from runs.executor import frames
from runs.models import Executor
from runs.names import ROOT
from runs.phases import Phase
from tests.db.scene import Scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.start()
    return scene


def executor_of(scene: Scene) -> Executor:
    return Executor.objects.get(pk=scene.executor_id)


def fall_silent(scene: Scene, seconds: float) -> None:
    """As after the death of the web process: the row says connected, and nobody renews that."""
    heard_at = timezone.now() - timedelta(seconds=seconds)
    Executor.objects.filter(pk=scene.executor_id).update(heard_at=heard_at)


def test_an_executor_of_a_web_process_that_died_is_given_up_after_its_lease(scene: Scene, settings):
    settings.EXECUTOR_LEASE_SECONDS = 0.0
    fall_silent(scene, liveness.SILENT_SECONDS + 1)

    assert dispatch.find_lost("worker", []) == []
    assert liveness.is_anyone_silent()
    assert liveness.lose_silent() == 1
    dispatch.give_up(dispatch.find_lost("worker", []), [])

    assert executor_of(scene).state == Executor.State.GONE
    assert scene.phase() is Phase.QUEUED


def test_an_executor_that_is_heard_of_stays(scene: Scene):
    fall_silent(scene, liveness.SILENT_SECONDS + 1)
    liveness.hear(scene.executor_id, scene.epoch)

    assert not liveness.is_anyone_silent()
    assert liveness.lose_silent() == 0
    assert executor_of(scene).state == Executor.State.CONNECTED


def test_a_connection_that_was_taken_for_lost_is_believed_again(scene: Scene):
    fall_silent(scene, liveness.SILENT_SECONDS + 1)
    liveness.lose_silent()

    liveness.hear(scene.executor_id, scene.epoch)

    executor = executor_of(scene)
    assert (executor.state, executor.disconnected_at) == (Executor.State.CONNECTED, None)


def test_an_older_connection_cannot_say_that_it_is_there_nor_take_work(scene: Scene):
    held = frames.Held(scene.key(), scene.lease_epoch(ROOT))
    leases.connect_executor(scene.hello(scene.executor_id, scene.epoch, [held]))
    scene.queue("waits")
    Executor.objects.filter(pk=scene.executor_id).update(pool=scene.action("waits").pool)

    with pytest.raises(LeaseLost):
        liveness.hear(scene.executor_id, scene.epoch)
    with pytest.raises(LeaseLost):
        leases.lease_queued(scene.executor_id, scene.epoch, 10)
    assert scene.phase("waits") is Phase.QUEUED


def test_an_executor_that_was_given_up_is_not_heard(scene: Scene):
    leases.end_executor(scene.executor_id, "killed by SIGKILL")

    with pytest.raises(LeaseLost):
        liveness.hear(scene.executor_id, scene.epoch)
    assert executor_of(scene).state == Executor.State.GONE


def test_a_batch_that_overtook_another_is_refused_and_comes_again(scene: Scene):
    scene.grow("child")
    scene.seq += 1
    early, late = scene.finished("child"), scene.finished()

    scene.seq += 1
    with pytest.raises(ExecutorError, match="came before batch"):
        scene.resend(late)
    assert scene.phase() is Phase.RUNNING
    scene.seq -= 1
    scene.resend(early)
    scene.seq += 1
    scene.resend(late)

    assert set(scene.phases().values()) == {Phase.SUCCEEDED}


def test_an_executor_that_is_to_be_stopped_stays_so_when_it_is_lost(scene: Scene, settings):
    settings.EXECUTOR_LEASE_SECONDS = 0.0
    Executor.objects.filter(pk=scene.executor_id).update(state=Executor.State.STOPPING, worker="worker")
    fall_silent(scene, liveness.SILENT_SECONDS + 1)

    assert liveness.lose_silent() == 1
    assert liveness.lose_silent() == 0

    executor = executor_of(scene)
    assert executor.state == Executor.State.STOPPING
    assert executor.disconnected_at is not None
    assert [lost for lost, _ in dispatch.find_lost("worker", [])] == [scene.executor_id]
