"""Who counts as connected: what its web process says again and again, and nothing else (law 11)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from runs.domain.errors import ExecutorError, LeaseLost
from runs.domain.names import ROOT
from runs.domain.phases import Phase
from runs.engine import leases
from runs.engine.executors import heartbeats, scheduling
from runs.models import Executor
from runs.protocol import frames
from tests.support.scene import Scene

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
    heartbeat_at = timezone.now() - timedelta(seconds=seconds)
    Executor.objects.filter(pk=scene.executor_id).update(heartbeat_at=heartbeat_at)


def test_an_executor_of_a_web_process_that_died_is_given_up_after_its_lease(scene: Scene, settings):
    settings.EXECUTOR_LEASE_SECONDS = 0.0
    fall_silent(scene, heartbeats.SILENT_SECONDS + 1)

    assert scheduling.find_orphaned() == []
    assert heartbeats.has_silent()
    assert heartbeats.disconnect_silent() == 1
    scheduling.end_lost(scheduling.find_orphaned())

    assert executor_of(scene).state == Executor.State.GONE
    assert scene.phase() is Phase.QUEUED


def test_an_executor_that_is_heard_of_stays(scene: Scene):
    fall_silent(scene, heartbeats.SILENT_SECONDS + 1)
    heartbeats.record(scene.executor_id, scene.epoch)

    assert not heartbeats.has_silent()
    assert heartbeats.disconnect_silent() == 0
    assert executor_of(scene).state == Executor.State.CONNECTED


def test_a_connection_that_was_taken_for_lost_is_believed_again(scene: Scene):
    fall_silent(scene, heartbeats.SILENT_SECONDS + 1)
    heartbeats.disconnect_silent()

    heartbeats.record(scene.executor_id, scene.epoch)

    executor = executor_of(scene)
    assert (executor.state, executor.disconnected_at) == (Executor.State.CONNECTED, None)


def test_an_older_connection_cannot_say_that_it_is_there_nor_take_work(scene: Scene):
    held = frames.Held(scene.key(), scene.lease_epoch(ROOT))
    leases.connect_executor(scene.hello(scene.executor_id, scene.epoch, [held]))
    scene.queue("waits")
    Executor.objects.filter(pk=scene.executor_id).update(pool=scene.action("waits").pool)

    with pytest.raises(LeaseLost):
        heartbeats.record(scene.executor_id, scene.epoch)
    with pytest.raises(LeaseLost):
        leases.lease_queued(scene.executor_id, scene.epoch, 10)
    assert scene.phase("waits") is Phase.QUEUED


def test_an_executor_that_was_given_up_is_not_heard(scene: Scene):
    leases.end_executor(scene.executor_id, "killed by SIGKILL")

    with pytest.raises(LeaseLost):
        heartbeats.record(scene.executor_id, scene.epoch)
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
    fall_silent(scene, heartbeats.SILENT_SECONDS + 1)

    assert heartbeats.disconnect_silent() == 1
    assert heartbeats.disconnect_silent() == 0

    executor = executor_of(scene)
    assert executor.state == Executor.State.STOPPING
    assert executor.disconnected_at is not None
    assert [lost for lost, _ in scheduling.find_lost("worker", [])] == [scene.executor_id]


# Who connects proves nothing.


def connect_again(scene: Scene, *, seconds_ago: float = 0.0, away: float = 0.1) -> None:
    """A connection of the same process after an interruption, and nothing more."""
    now = timezone.now()
    leases.disconnect_executor(scene.executor_id, scene.epoch)
    mine = Executor.objects.filter(pk=scene.executor_id)
    mine.update(disconnected_at=now - timedelta(seconds=away))
    held = frames.Held(scene.key(), scene.lease_epoch(ROOT))
    scene.epoch = leases.connect_executor(scene.hello(scene.executor_id, scene.epoch, [held])).epoch
    if seconds_ago:
        since = now - timedelta(seconds=seconds_ago)
        mine.update(unproved_since=since, unproved_connections=heartbeats.UNPROVED_CONNECTIONS)


def test_an_executor_that_connects_again_and_again_without_a_batch_is_stopped(scene: Scene):
    connect_again(scene, seconds_ago=heartbeats.UNPROVED_SECONDS - 5)
    assert heartbeats.find_unproved() == []

    connect_again(scene, seconds_ago=heartbeats.UNPROVED_SECONDS + 1)
    connect_again(scene)  # which does not begin the time anew
    assert heartbeats.find_unproved() == [scene.executor_id]
    heartbeats.stop_unproved(heartbeats.find_unproved())

    executor = executor_of(scene)
    assert executor.state == Executor.State.STOPPING
    assert "no batch of events has come through" in executor.end_reason
    assert heartbeats.find_unproved() == []
    leases.end_executor(scene.executor_id, "killed by SIGTERM")
    assert scene.phase() is Phase.QUEUED


def test_one_whose_first_batch_only_takes_long_is_not_stopped(scene: Scene):
    """As on a machine that is busy: it has connected once, and waits for its answer."""
    connect_again(scene, seconds_ago=heartbeats.UNPROVED_SECONDS + 1)
    Executor.objects.filter(pk=scene.executor_id).update(unproved_connections=1)

    assert heartbeats.find_unproved() == []


def test_a_batch_proves_it_also_an_empty_or_a_repeated_one(scene: Scene):
    for send in (scene.batch, scene.resend):
        connect_again(scene, seconds_ago=heartbeats.UNPROVED_SECONDS + 1)

        send()

        assert heartbeats.find_unproved() == []
        assert executor_of(scene).unproved_since is None


def test_one_that_went_away_before_its_first_batch_has_the_time_of_its_lease(scene: Scene):
    connect_again(scene, seconds_ago=heartbeats.UNPROVED_SECONDS + 1)
    leases.disconnect_executor(scene.executor_id, scene.epoch)
    long_ago = timezone.now() - timedelta(seconds=heartbeats.SILENT_SECONDS + 1)
    Executor.objects.filter(pk=scene.executor_id).update(connected_at=long_ago)

    assert heartbeats.find_unproved() == []


def test_one_that_has_just_come_back_is_not_called_silent(scene: Scene):
    fall_silent(scene, heartbeats.SILENT_SECONDS + 100)
    connect_again(scene, away=heartbeats.SILENT_SECONDS + 100)
    assert heartbeats.disconnect_silent() == 0

    connect_again(scene, seconds_ago=heartbeats.SILENT_SECONDS + 1)
    assert heartbeats.disconnect_silent() == 1


@pytest.mark.parametrize(
    ("away", "is_proved", "starts_again"),
    [(0.1, True, False), (leases.SHORT_SECONDS + 1, True, True), (leases.SHORT_SECONDS + 1, False, False)],
    ids=["short", "long", "long-and-never-through"],
)
def test_a_reconnect_gives_an_abort_new_time_only_after_the_executor_was_really_away(
    scene: Scene, away: float, is_proved: bool, starts_again: bool
):
    if not is_proved:
        connect_again(scene)
    else:
        scene.batch()
    before = executor_of(scene).reached_at

    connect_again(scene, away=away)

    assert (executor_of(scene).reached_at != before) == starts_again
