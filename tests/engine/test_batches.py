"""Batches of events and single requests, beside what the laws say of them."""

from __future__ import annotations

from functools import partial

import pytest
from flyteidl2.common import phase_pb2

from runs.domain.errors import Conflict, Invalid, NotFound, StaleTransition
from runs.domain.failures import Failure
from runs.domain.names import ROOT, ActionRef, RunRef
from runs.domain.phases import Phase
from runs.engine import news
from runs.engine.aborts import request_abort
from runs.engine.endings import report
from runs.engine.executors import scheduling
from runs.models import Action, ActionEvent, Attempt
from runs.protocol import frames
from tests.support.scene import DOMAIN, PROJECT, Scene


@pytest.mark.django_db
def test_a_recoverable_failure_is_tried_again_with_the_children_of_the_attempt_before():
    scene = Scene(retries=1)
    scene.start()
    scene.grow("child")
    scene.batch(scene.finished("child"))

    scene.batch(scene.finished(ROOT, "failed", Failure("ValueError", "no", recoverable=True)))
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
@pytest.mark.parametrize("outcome", ["succeeded", "failed", "cancelled"])
def test_what_an_attempt_has_used_is_kept_however_it_ends(outcome: str):
    scene = Scene()
    scene.start()
    finished = scene.finished(ROOT, outcome)
    finished.cpu_seconds, finished.peak_memory_bytes = 3.1, 2**30

    scene.batch(finished)

    (attempt,) = Attempt.objects.all()
    assert (attempt.outcome, attempt.cpu_seconds, attempt.peak_memory_bytes) == (outcome, 3.1, 2**30)


@pytest.mark.django_db
def test_bad_input_is_refused_with_its_name_and_changes_nothing():
    scene = Scene()
    before = ActionEvent.objects.count()

    with pytest.raises(NotFound, match="nosuch"):
        request_abort(RunRef(PROJECT, DOMAIN, "nosuch"), reason="", actor="ann")
    with pytest.raises(NotFound, match="nosuch"):
        request_abort(ActionRef(scene.ref, "nosuch"), reason="", actor="ann")

    assert ActionEvent.objects.count() == before


@pytest.mark.django_db
def test_a_run_that_was_deleted_does_not_hold_up_the_others_in_a_batch():
    scene = Scene()
    scene.start()
    deleted = frames.Key(scene.run.pk + 1, ROOT)

    results = scene.batch(
        frames.Started(deleted, 1, frames.now_us()),
        frames.Enqueue(deleted.run, ROOT, scene.enqueue("child").action),
        scene.finished(ROOT),
    )

    assert [(result.index, result.code) for result in results] == [(1, "not_found")]
    assert scene.phase(ROOT) is Phase.SUCCEEDED


@pytest.mark.django_db
def test_a_trace_cannot_claim_to_be_aborted_and_the_rest_of_its_batch_is_applied():
    scene = Scene()
    scene.start()
    message = scene.message("t1")
    message.trace.name, message.trace.phase = "look_up", phase_pb2.ACTION_PHASE_ABORTED

    results = scene.batch(
        frames.Enqueue(scene.run.pk, ROOT, message.SerializeToString()), scene.enqueue("child")
    )

    assert [result.code for result in results] == ["invalid_argument", "ok"]
    assert "must have ended" in results[0].message


@pytest.mark.django_db
def test_a_delivery_that_no_abort_asked_for_does_not_hide_a_later_abort():
    scene = Scene()
    scene.start()
    scene.batch(scene.delivered(ROOT))

    scene.abort(ROOT)

    cancels = news.get_changes(scene.executor_id, {scene.run.pk: 0}).cancels
    assert [cancel.key.name for cancel in cancels] == [ROOT]


@pytest.mark.django_db
def test_who_has_given_a_parent_back_cannot_cancel_its_children():
    scene = Scene()
    scene.start()
    scene.grow("child", "other")
    scene.batch(scene.finished(ROOT, "interrupted"))

    scene.batch(scene.abort_child("child"), scene.abort_child("other", parent="child"))

    assert scene.action("child").abort is None
    assert scene.action("other").abort is None


@pytest.mark.django_db
def test_nobody_else_may_report_what_an_executor_holds():
    scene = Scene()
    scene.start()

    for phase in (Phase.SUCCEEDED, Phase.FAILED, Phase.QUEUED):
        with pytest.raises(Conflict):
            report(ActionRef(scene.ref), 1, phase, failure=None, output_uri="")

    assert scene.phase(ROOT) is Phase.RUNNING
    assert scene.action(ROOT).executor_id == scene.executor_id


@pytest.mark.django_db
def test_who_reports_an_abort_that_nobody_asked_for_has_asked_for_it():
    scene = Scene()
    scene.start()
    for name in ("waits", "runs"):
        scene.queue(name)
    say = partial(report, failure=None, output_uri="")
    say(ActionRef(scene.ref, "runs"), 1, Phase.RUNNING)

    say(ActionRef(scene.ref, "waits"), 1, Phase.ABORTED)
    say(ActionRef(scene.ref, "runs"), 1, Phase.ABORTED)

    for name in ("waits", "runs"):
        assert (scene.phase(name), scene.abort_of(name).actor) == (Phase.ABORTED, "update")
    with pytest.raises(StaleTransition):
        say(ActionRef(scene.ref, "waits"), 1, Phase.ABORTED)


@pytest.mark.django_db
def test_a_phase_that_only_a_recovery_gives_cannot_be_reported():
    scene = Scene()

    with pytest.raises(Invalid, match="cannot be reported as recovered"):
        report(ActionRef(scene.ref), 1, Phase.RECOVERED, failure=None, output_uri="")

    assert scene.phase(ROOT) is Phase.QUEUED


@pytest.mark.django_db
def test_an_executor_whose_loop_is_blocked_gets_no_leases_and_its_pool_gets_another_executor():
    scene = Scene()
    scene.start()
    scene.batch(frames.LoopState(responsive=False, at=frames.now_us(), stack="time.sleep(600)"))

    blocked = scene.batch(scene.enqueue("child"))
    in_need = scheduling.is_needed()
    offered = scene.lease()
    scene.batch(frames.LoopState(responsive=True, at=frames.now_us()))
    given = scene.lease()

    assert (blocked[0].code, blocked[0].lease) == ("ok", None)
    assert in_need
    assert offered == []
    assert [lease.key.name for lease in given] == ["child"]
    assert not scheduling.is_needed()


@pytest.mark.django_db
def test_an_attempt_whose_process_somebody_killed_is_given_again_but_not_for_ever():
    scene = Scene()
    killed = Failure("Interrupted", "killed by SIGKILL", "system", recoverable=True)

    for failures in range(1, 4):
        scene.start()
        scene.batch(scene.finished(ROOT, "lost", killed))
        assert (scene.phase(), scene.action().system_failures) == (Phase.QUEUED, failures)
        assert scene.action().attempt == 1
    scene.start()
    scene.batch(scene.finished(ROOT, "lost", killed))

    assert scene.phase() is Phase.FAILED
    assert scene.action().error_code == "MaxSystemFailuresExceeded"
    assert "SIGKILL" in scene.action().error_message


@pytest.mark.django_db
def test_what_was_aborted_and_then_killed_is_not_tried_again():
    scene = Scene()
    scene.start()
    scene.abort()

    scene.batch(scene.finished(ROOT, "lost", Failure("Interrupted", "killed", "system", recoverable=True)))

    assert scene.phase() is Phase.ABORTED
