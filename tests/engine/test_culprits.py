"""Law 13 in the database: who ended a process that actions shared has failed, and nobody else."""

from __future__ import annotations

import pytest

from runs.domain.failures import Failure
from runs.domain.names import ROOT
from runs.domain.phases import Cause, Phase
from runs.engine import leases
from runs.models import Action, ActionEvent, Attempt
from runs.protocol import worker_frames
from tests.support.scene import Scene

pytestmark = pytest.mark.django_db
CRASH = Failure("SegmentationFault", "it was killed by SIGSEGV", "system", recoverable=True)
REASON = "killed by SIGSEGV"


@pytest.fixture
def scene() -> Scene:
    made = Scene()
    made.start()
    made.grow("train", "innocent")
    return made


def crash(scene: Scene, name: str, *, epoch: int | None = None) -> None:
    culprit = worker_frames.Culprit(scene.key(name), epoch or scene.lease_epoch(name), CRASH)
    leases.end_executor(scene.executor_id, REASON, culprit=culprit)


def go_on(scene: Scene) -> None:
    """Another executor takes what is queued."""
    scene.seq = 0
    scene.executor_id, scene.epoch = scene.connect()
    scene.batch(*[scene.started(lease.key.name) for lease in scene.lease()])


def test_law_13_a_crash_fails_its_action_alone(scene: Scene):
    crash(scene, "train")

    train = scene.action("train")
    assert (train.phase, train.error_code, train.error_message) == (Phase.FAILED, CRASH.code, CRASH.message)
    assert scene.phases() == {ROOT: Phase.QUEUED, "train": Phase.FAILED, "innocent": Phase.QUEUED}
    assert set(Action.objects.values_list("system_failures", "attempt")) == {(0, 1)}


def test_law_13_the_history_of_an_innocent_says_who_ended_its_process(scene: Scene):
    crash(scene, "train")

    attempt = Attempt.objects.get(action=scene.action("innocent"))
    assert attempt.outcome == "innocent"
    assert attempt.error_message == f"child (train) ended the process that they shared: {REASON}"
    last = ActionEvent.objects.filter(action=scene.action("innocent")).latest("pk")
    assert last.cause == Cause.EXECUTOR_LOST


def test_law_13_an_innocent_is_never_lost_too_often(scene: Scene):
    for n in range(6):
        scene.grow(f"train-{n}")
        crash(scene, f"train-{n}")
        go_on(scene)

    assert scene.phase("innocent") is Phase.RUNNING
    assert scene.action("innocent").system_failures == 0


def test_a_crash_is_retried_like_any_failure():
    scene = Scene(retries=1)
    scene.start()

    crash(scene, ROOT)
    assert (scene.phase(), scene.action().attempt) == (Phase.QUEUED, 2)
    go_on(scene)
    crash(scene, ROOT)

    assert (scene.phase(), scene.action().error_code) == (Phase.FAILED, CRASH.code)


def test_who_was_to_be_aborted_and_crashed_is_aborted(scene: Scene):
    scene.abort("train")

    crash(scene, "train")

    assert scene.phases() == {ROOT: Phase.QUEUED, "train": Phase.ABORTED, "innocent": Phase.QUEUED}


@pytest.mark.parametrize("name", ["unknown", "train"])
def test_without_a_culprit_that_it_holds_all_are_lost(scene: Scene, name: str):
    crash(scene, name, epoch=7)

    assert set(scene.phases().values()) == {Phase.QUEUED}
    assert set(Action.objects.values_list("system_failures", flat=True)) == {1}
