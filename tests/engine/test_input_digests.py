"""What an action was given, as its row keeps it, and what tells siblings apart, as their parent does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flyteidl2.common import phase_pb2

from runs.domain.inputs.digests import MAX_BYTES, attach
from runs.domain.inputs.siblings import tell_apart
from runs.domain.names import ROOT, ActionRef
from runs.domain.phases import Phase
from runs.domain.specs import read_action, read_task_spec
from runs.engine.creation import create_run, enqueue
from runs.models import Action, Run
from runs.protocol import frames
from tests.support.scene import Scene, new_run, task_spec

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.start()
    return scene


def asked(scene: Scene, name: str, digest: str, *, task: str = "env.trial") -> frames.Enqueue:
    message = scene.message(name, spec=task_spec(task))
    attach(message, digest)
    return frames.Enqueue(scene.run.pk, ROOT, message.SerializeToString())


def apart(scene: Scene, name: str) -> str:
    action = scene.action(name)
    return tell_apart(scene.action(ROOT).child_inputs, action.task_name, action.input_digest)


def test_children_of_one_batch_and_of_several_are_told_apart(scene: Scene):
    scene.batch(asked(scene, "one", '{"number":1,"lr":0.1}'), asked(scene, "two", '{"number":2,"lr":0.1}'))
    assert [apart(scene, name) for name in ("one", "two")] == ["number=1", "number=2"]

    scene.batch(asked(scene, "three", '{"number":3,"lr":0.2}'))
    assert [apart(scene, name) for name in ("one", "three")] == ["number=1 lr=0.1", "number=3 lr=0.2"]


def test_a_new_difference_makes_pages_read_the_parent_again(scene: Scene):
    scene.batch(asked(scene, "one", '{"number":1}'), asked(scene, "two", '{"number":2}'))
    before = scene.action(ROOT).changed_seq

    scene.batch(asked(scene, "three", '{"number":3}'))
    assert scene.action(ROOT).changed_seq == before

    scene.batch(asked(scene, "four", '{"number":4,"lr":0.1}'))
    assert scene.action(ROOT).changed_seq == scene.action("four").changed_seq > before


def test_what_an_isolated_parent_asks_for_is_told_apart_too(scene: Scene):
    for name, digest in (("one", '{"number":1}'), ("two", '{"number":2}')):
        message = scene.message(name)
        attach(message, digest)
        enqueue(ActionRef(scene.ref), read_action(message))

    assert [apart(scene, name) for name in ("one", "two")] == ["number=1", "number=2"]


def test_a_trace_has_its_digest(scene: Scene):
    message = scene.message("t1")
    message.trace.name, message.trace.phase = "look_up", phase_pb2.ACTION_PHASE_SUCCEEDED
    attach(message, '{"key":"a"}')
    scene.batch(frames.Enqueue(scene.run.pk, ROOT, message.SerializeToString()))

    assert scene.action("t1").input_digest == '{"key":"a"}'


@pytest.mark.parametrize("digest", ["{", '{"a":[1]}', '{"a":"' + "x" * MAX_BYTES + '"}'])
def test_a_broken_digest_is_refused_and_the_rest_of_its_batch_is_applied(scene: Scene, digest: str):
    bad, good = scene.batch(asked(scene, "bad", digest), asked(scene, "good", '{"number":1}'))

    assert (bad.code, good.code) == ("invalid_argument", "ok")
    assert "the digest of the inputs of action 'bad'" in bad.message
    assert not Action.objects.filter(name="bad").exists()


def test_the_root_has_what_its_run_was_created_with():
    Scene()
    ref = create_run(replace(new_run(read_task_spec(task_spec()), "given"), digest='{"number":17}'))

    assert Run.objects.get(name=ref.name).actions.get().input_digest == '{"number":17}'


def test_what_is_recovered_has_its_digest():
    old = Scene()
    old.start()
    old.batch(asked(old, "good", '{"number":1}'))
    old.batch(old.finished("good"))
    new = replace(new_run(read_task_spec(task_spec()), "again"), related_to=old.ref, relation="recover")
    old.ref = create_run(new)
    old.run = Run.objects.get(name="again")
    old.executor_id, old.epoch = old.connect()
    old.seq = 0
    old.start()

    old.batch(asked(old, "good", '{"number":1}'))

    assert (old.phase("good"), old.action("good").input_digest) == (Phase.RECOVERED, '{"number":1}')
