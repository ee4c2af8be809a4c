"""Tasks that no executor can run: a root is not created, a child fails at once, before anything of it runs."""

from __future__ import annotations

import pytest

from runs.domain.declared import plugins
from runs.domain.errors import Invalid
from runs.domain.names import ActionRef
from runs.domain.phases import Phase
from runs.domain.specs import read_action, read_task_spec
from runs.engine import news
from runs.engine.cache import Status
from runs.engine.creation import create_run, enqueue
from runs.models import Action, Run
from tests.support.scene import Scene, new_run, task_spec

pytestmark = pytest.mark.django_db

RAY = task_spec("env.trains", kind="ray", retries=3)


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.start()
    return scene


def check_refused(scene: Scene, name: str) -> None:
    action = scene.action(name)
    assert (Phase(action.phase), action.error_code, action.error_kind) == (Phase.FAILED, plugins.CODE, "user")
    assert "is a Ray task (type 'ray'): it needs a Ray cluster" in action.error_message
    assert (action.attempt, action.started_at, action.lease_epoch) == (1, None, 0)
    assert not action.attempts.exists()


def test_a_run_of_such_a_task_is_not_created() -> None:
    Scene()

    with pytest.raises(Invalid, match="start Ray in the task"):
        create_run(new_run(read_task_spec(RAY), name="trains"))

    assert not Run.objects.filter(name="trains").exists()


def test_a_child_that_an_executor_asks_for_has_failed_and_its_parent_is_told(scene: Scene) -> None:
    (answer,) = scene.batch(scene.enqueue("b", spec=RAY))

    assert (answer.code, answer.lease) == ("ok", None)
    check_refused(scene, "b")
    (update,) = news.get_changes(scene.executor_id, {scene.run.pk: 0}).children
    assert (update.name, update.phase) == ("b", Phase.FAILED)
    assert update.failure is not None
    assert update.failure.code == plugins.CODE


def test_a_child_that_is_asked_for_by_the_api_too(scene: Scene) -> None:
    enqueue(ActionRef(scene.ref, "a0"), read_action(scene.message("b", spec=RAY)))

    check_refused(scene, "b")


def test_asking_again_changes_nothing(scene: Scene) -> None:
    scene.batch(scene.enqueue("b", spec=RAY))

    (answer,) = scene.batch(scene.enqueue("b", spec=RAY))

    assert answer.code == "already_exists"
    check_refused(scene, "b")


def test_the_cache_is_not_asked_for_it(scene: Scene) -> None:
    message = scene.message("b", spec=RAY)
    message.task.spec.task_template.metadata.discoverable = True
    message.task.cache_key.value = "key"

    enqueue(ActionRef(scene.ref, "a0"), read_action(message))

    check_refused(scene, "b")
    assert Action.objects.get(name="b").cache_status == Status.DISABLED


def test_what_a_parent_says_beside_the_spec_is_kept(scene: Scene) -> None:
    message = scene.message("b")
    message.task.queue = "night"

    enqueue(ActionRef(scene.ref, "a0"), read_action(message))
    scene.batch(scene.enqueue("c"))

    assert bytes(scene.action("b").detail)
    assert bytes(scene.action("c").detail) == b""
