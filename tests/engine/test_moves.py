"""Every move of the phase table is one that the engine makes, so that docs/reference/phases.md shows what happens and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from flyteidl2.task import task_definition_pb2

from runs.domain.conditions import Value
from runs.domain.failures import Failure
from runs.domain.names import ActionRef
from runs.domain.phases import MOVES, Cause, Phase
from runs.domain.retries import MAX_SYSTEM_FAILURES
from runs.domain.specs import read_task_message
from runs.engine import limits
from runs.engine.conditions import signal_condition
from runs.engine.creation import create_run
from runs.engine.endings import report
from runs.engine.executors.scheduling import claim_demand
from runs.engine.executors.starts import end_unusable
from runs.engine.images import builds
from runs.models import Action, ActionEvent
from tests.engine import test_cache as cached
from tests.engine import test_conditions as conditions
from tests.engine import test_recovery as recovered
from tests.support.scene import Scene, new_run, task_spec

pytestmark = pytest.mark.django_db


def exceed(scene: Scene, *names: str) -> None:
    """Let the deadline of these pass, or their time in the queue when they have a retry."""
    now = timezone.now()
    Action.objects.filter(run=scene.run, name__in=names).update(due_at=now, deadline_at=now)
    retrying = Action.objects.filter(run=scene.run, name__in=names, max_attempts__gt=1)
    retrying.update(deadline_at=None, queued_timeout_seconds=60)
    limits.expire(now)


def play_what_is_held() -> None:
    scene = Scene()
    scene.start()
    failed = Failure("ValueError", "no")
    scene.grow("succeeds", "fails", "stops", "late", "goes-on")
    scene.batch(*[scene.enqueue(name) for name in ("broken", "returned", "cancelled", "slow")])
    for name in ("stops", "cancelled"):
        scene.abort(name)
    exceed(scene, "late", "slow")
    scene.batch(
        scene.finished("succeeds"),
        scene.finished("fails", "failed", failed),
        scene.finished("broken", "failed", failed),
        scene.finished("goes-on", "interrupted"),
        scene.finished("returned", "interrupted"),
        *[scene.finished(name, "cancelled") for name in ("stops", "cancelled", "late", "slow")],
    )


def play_what_waits() -> None:
    scene = Scene()
    scene.start()
    for name in ("reported", "aborted", "late"):
        scene.queue(name)
    elsewhere = task_spec("env.elsewhere", bundle="file:///other.tgz", retries=1)
    scene.batch(scene.enqueue("again", spec=elsewhere))
    report(ActionRef(scene.ref, "reported"), 1, Phase.RUNNING, failure=None, output_uri="")
    scene.batch(scene.enqueue("refused", spec=task_spec("env.trains", kind="ray")))
    scene.abort("aborted")
    exceed(scene, "late", "again")
    scene.queue("nowhere")
    for _ in range(MAX_SYSTEM_FAILURES + 1):
        (launch,) = [one for one in claim_demand("worker").launches if not one.is_reserve]
        end_unusable(UUID(launch.executor), "its environment is gone")
    for name in ("signalled", "unasked", "unanswered"):
        conditions.ask(scene, name)
    answer: Value = True
    signal_condition(ActionRef(scene.ref, "signalled"), answer, actor="ann")
    scene.abort("unasked")
    exceed(scene, "unanswered")


def play_the_cache() -> None:
    scene = cached.play()
    cached.ask(scene, "first")
    cached.finish(scene, "first")
    cached.ask(scene, "hit")
    spec = cached.cached(serial=True)
    cached.ask(scene, "owner", "waits", "aborted", "late", key="other", spec=spec)
    Action.objects.filter(run=scene.run, name="waits").update(max_attempts=2)
    scene.abort("aborted")
    exceed(scene, "late", "waits")


def play_a_recovery() -> None:
    scene = recovered.play()
    recovered.continue_with(scene, recovered.recovering(scene))
    scene.batch(scene.enqueue("good"))


def play_a_lack_of_images() -> None:
    spec = task_definition_pb2.TaskSpec.FromString(task_spec())
    spec.task_template.container.image = (
        f"localhost:30000/mine:{'0' * 32}"  # as a client names what it builds itself
    )
    create_run(new_run(read_task_message(spec)))
    builds.settle(builds.find_due())


def test_the_table_holds_exactly_the_moves_that_happen(settings: Any, tmp_path: Path):
    settings.STORAGE_URL = f"file://{tmp_path}"
    plays = (play_what_is_held, play_what_waits, play_the_cache, play_a_recovery, play_a_lack_of_images)
    for play in plays:
        play()

    made = {
        (Phase(event.from_phase), Phase(event.to_phase))
        for event in ActionEvent.objects.all()
        if event.from_phase and (event.from_phase != event.to_phase or event.cause == Cause.RETRIED)
    }

    assert made == {(phase, to) for phase, moves in MOVES.items() for to in moves}
