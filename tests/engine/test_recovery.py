"""Runs that take over what succeeded in an earlier one (PROTOCOL.md §2.12)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from flyteidl2.task import run_pb2

from runs.domain.errors import Invalid, NotFound
from runs.domain.names import ActionRef, RunRef
from runs.domain.phases import Cause, Phase
from runs.domain.specs import NewRun, read_action, read_task_spec
from runs.engine import news, recovery
from runs.engine.creation import create_run, enqueue
from runs.models import Action, ActionEvent, Run
from tests.support.scene import Scene, new_run, task_spec

pytestmark = pytest.mark.django_db


def play() -> Scene:
    """A run whose children `good` and `bad` have ended as they are called."""
    scene = Scene()
    scene.start()
    scene.grow("good", "bad")
    scene.batch(scene.finished("good"), scene.finished("bad", "failed"))
    return scene


def recovering(scene: Scene, *forced: str, **fields: Any) -> NewRun:
    spec = run_pb2.RunSpec(recover=run_pb2.Recover(force_rerun_actions=forced))
    new = new_run(read_task_spec(task_spec()), "again")
    related: dict[str, Any] = {"related_to": scene.ref, "relation": "recover"}
    return replace(new, spec=spec.SerializeToString(deterministic=True), **(related | fields))


def continue_with(scene: Scene, new: NewRun) -> Scene:
    """ScriptedExecutor on in the new run, whose root runs."""
    scene.ref = create_run(new)
    scene.run = Run.objects.get(name=new.name)
    scene.executor_id, scene.epoch = scene.connect()
    scene.seq = 0
    scene.start()
    return scene


def test_what_succeeded_is_taken_over_and_what_failed_runs_again():
    scene = play()
    old = scene.action("good")
    continue_with(scene, recovering(scene))
    scene.run.refresh_from_db()

    good, bad, new = scene.batch(scene.enqueue("good"), scene.enqueue("bad"), scene.enqueue("new"))

    assert (good.code, good.lease) == ("ok", None)
    assert bad.lease is not None
    assert new.lease is not None
    action = scene.action("good")
    assert (action.phase, action.output_uri) == (Phase.RECOVERED, old.output_uri)
    assert action.source == "flytesnacks/development/" + f"{old.run.name}/good/1"
    assert ActionEvent.objects.filter(action=action).latest("pk").cause == Cause.RECOVERED
    told = news.get_changes(scene.executor_id, {scene.run.pk: scene.run.seq}).children
    assert [(one.name, one.phase, one.output_uri) for one in told] == [("good", 10, old.output_uri)]


def test_what_is_forced_runs_again_and_unknown_names_are_no_harm():
    scene = play()
    continue_with(scene, recovering(scene, "good", "nobody"))

    (good,) = scene.batch(scene.enqueue("good"))

    assert good.lease is not None


def test_what_was_recovered_can_be_recovered_again():
    scene = play()
    output_uri = scene.action("good").output_uri
    for name in ("again", "once-more"):
        continue_with(scene, recovering(scene, name=name))
        enqueue(ActionRef(scene.ref), read_action(scene.message("good")))

    action = scene.action("good")
    assert (action.phase, action.output_uri) == (Phase.RECOVERED, output_uri)
    assert action.source == "flytesnacks/development/again/good/1"


@pytest.mark.parametrize("relation", ["rerun", "spawn", ""])
def test_other_relations_recover_nothing(relation):
    scene = play()
    continue_with(scene, recovering(scene, relation=relation))

    (good,) = scene.batch(scene.enqueue("good"))

    assert good.lease is not None
    assert Run.objects.get(name="again").relation == relation


def test_only_a_run_that_is_there_and_of_the_same_domain_can_be_recovered():
    scene = play()
    gone = RunRef(scene.ref.project, scene.ref.domain, "gone")

    with pytest.raises(NotFound, match="no run flytesnacks/development/gone to recover from"):
        create_run(recovering(scene, related_to=gone))
    with pytest.raises(Invalid, match="project and domain must be the same"):
        create_run(recovering(scene, domain="staging"))

    assert Run.objects.count() == 1
    create_run(recovering(scene, related_to=gone, relation="rerun"))
    assert Run.objects.get(name="again").related_to is None


def test_a_run_that_recovers_nothing_pays_nothing(django_assert_num_queries):
    scene = play()
    book_run = Run(pk=scene.run.pk, relation="", related_to=None)

    with django_assert_num_queries(0):
        assert recovery.find_recovered(book_run, [read_action(scene.message("good"))]) == {}
    assert not Action.objects.filter(phase=Phase.RECOVERED).exists()
