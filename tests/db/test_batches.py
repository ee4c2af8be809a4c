"""Batches of events and single requests, beside what the laws say of them."""

from __future__ import annotations

import pytest

from runs import operations
from runs.errors import NotFound
from runs.executor import frames
from runs.models import Action, ActionEvent
from runs.names import ROOT, ActionRef, RunRef
from runs.phases import Phase
from tests.db.scene import DOMAIN, PROJECT, Scene


@pytest.mark.django_db
def test_a_recoverable_failure_is_tried_again_with_the_children_of_the_attempt_before():
    scene = Scene(retries=1)
    scene.start()
    scene.grow("child")
    scene.batch(scene.finished("child"))

    scene.batch(scene.finished(ROOT, "failed", frames.Failure("ValueError", "no", recoverable=True)))
    lease = scene.lease()[0]

    assert (lease.attempt, lease.epoch) == (2, 2)
    assert [(child.name, child.phase) for child in lease.children] == [("child", Phase.SUCCEEDED)]
    assert lease.output_uri.endswith("/a0/2")


@pytest.mark.django_db
def test_a_batch_that_comes_twice_changes_nothing_and_gives_the_same_leases():
    scene = Scene()
    scene.start()
    first = scene.batch(scene.enqueue("child"))
    before = (Action.objects.count(), ActionEvent.objects.count())

    second = scene.resend(scene.enqueue("child"))

    assert first[0].lease == second[0].lease
    assert (first[0].code, second[0].code) == ("ok", "already_exists")
    assert before == (Action.objects.count(), ActionEvent.objects.count())


@pytest.mark.django_db
def test_bad_input_is_refused_with_its_name_and_changes_nothing():
    scene = Scene()
    before = ActionEvent.objects.count()

    with pytest.raises(NotFound, match="nosuch"):
        operations.request_abort(RunRef(PROJECT, DOMAIN, "nosuch"), reason="", actor="ann")
    with pytest.raises(NotFound, match="nosuch"):
        operations.request_abort(ActionRef(scene.ref, "nosuch"), reason="", actor="ann")

    assert ActionEvent.objects.count() == before
