"""What the Overview says of declarations: of the root for the whole run, of any other action its own."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl2.core import types_pb2
from flyteidl2.task import run_pb2, task_definition_pb2

from runs.domain.names import ActionRef
from runs.domain.specs import read_action
from runs.engine.creation import enqueue
from runs.models import Action, Run
from runs.queries.declared import Declarations, get_declarations
from tests.support.scene import Scene, child_message, task_spec

pytestmark = pytest.mark.django_db


def reusable(name: str = "env.roomy", *, link: str = "") -> bytes:
    spec = task_definition_pb2.TaskSpec.FromString(task_spec(name))
    spec.task_template.reuse_policy.max_replicas = 2
    if link:
        spec.task_template.metadata.log_links.add(name="Board", uri=link)
        spec.task_template.metadata.log_links.add(name="Live", uri=link, HideOnceFinished=True)
    return spec.SerializeToString()


def told(scene: Scene, name: str = "a0") -> Declarations:
    return get_declarations(scene.action(name).pk)


def lines(scene: Scene, name: str = "a0") -> dict[str, tuple[str, ...]]:
    return {one.title: one.tasks for one in told(scene, name).declared}


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.start()
    return scene


def test_a_run_that_declares_nothing_says_nothing(scene: Scene) -> None:
    scene.grow("b")

    assert told(scene) == told(scene, "b") == Declarations((), ())


def test_the_root_speaks_for_the_run_and_for_each_task_in_it(scene: Scene) -> None:
    spec = run_pb2.RunSpec(notification_rule_name="page-ann").SerializeToString()
    Run.objects.filter(pk=scene.run.pk).update(spec=spec)
    scene.batch(
        scene.enqueue("b", spec=reusable()),
        scene.enqueue("c", spec=reusable("env.other")),
        scene.enqueue("d"),
    )

    assert lines(scene) == {"notification rule": (), "reusable": ("env.roomy", "env.other")}
    assert lines(scene, "b") == {"reusable": ()}
    assert lines(scene, "d") == {}


def test_what_comes_later_is_added_and_nothing_is_read_twice(
    scene: Scene, django_assert_max_num_queries: Any
) -> None:
    scene.batch(scene.enqueue("b", spec=reusable()))
    assert lines(scene) == {"reusable": ("env.roomy",)}
    root = scene.action().pk
    with django_assert_max_num_queries(2):
        get_declarations(root)
    message = scene.message("c")
    message.task.queue = "night"

    enqueue(ActionRef(scene.ref, "a0"), read_action(message))

    assert lines(scene) == {"reusable": ("env.roomy",), "queue": ("env.child",)}
    with django_assert_max_num_queries(2):
        get_declarations(root)


def test_another_run_with_the_same_id_is_another_run(scene: Scene) -> None:
    scene.batch(scene.enqueue("b", spec=reusable()))
    assert lines(scene)

    Action.objects.filter(name="b").delete()
    Run.objects.filter(pk=scene.run.pk).update(created_at=scene.run.created_at.replace(year=2001))

    assert lines(scene) == {}


def test_a_condition_that_calls_somebody_says_that_nobody_is_called(scene: Scene) -> None:
    message = child_message(scene.ref.name, "a0", "q", kind="condition")
    message.condition.type.simple = types_pb2.BOOLEAN
    message.condition.webhook.url = "https://example.org/hook"

    enqueue(ActionRef(scene.ref, "a0"), read_action(message))

    assert lines(scene) == {"webhook": ("approval",)}
    assert lines(scene, "q") == {"webhook": ()}


def test_links_have_the_names_of_the_action_and_some_end_with_it(scene: Scene) -> None:
    spec = reusable(link="https://b.example/{{.runName}}/{{.actionName}}")
    scene.batch(scene.enqueue("b", spec=spec))
    scene.batch(scene.started("b"))
    href = f"https://b.example/{scene.ref.name}/b"
    assert [(link.name, link.href) for link in told(scene, "b").links] == [("Board", href), ("Live", href)]

    scene.batch(scene.finished("b"))

    assert [link.name for link in told(scene, "b").links] == ["Board"]
