"""The laws of abort (DESIGN.md §5) as the database keeps them. Their other halves: tests/executor, tests/e2e."""

from __future__ import annotations

from functools import partial

import pytest

from runs.domain.errors import LeaseLost, RunEnded
from runs.domain.failures import Failure
from runs.domain.names import ROOT, ActionRef
from runs.domain.phases import TERMINAL, Cause, Phase
from runs.domain.specs import read_action
from runs.engine import leases, news
from runs.engine.aborts import AbortAnswer
from runs.engine.creation import enqueue
from runs.models import Abort, Action, ActionEvent
from runs.protocol import frames
from tests.support.racing import race
from tests.support.scene import Scene

ROUNDS = 20


@pytest.mark.django_db(transaction=True)
def test_law_1_the_first_terminal_write_wins_between_two_connections():
    seen = set()
    for _ in range(ROUNDS):
        scene = Scene()
        scene.start()
        scene.grow("child")
        finished, scene.seq = scene.finished("child"), scene.seq + 1

        answers = race(partial(scene.resend, finished), partial(scene.abort, "child"))

        events = ActionEvent.objects.filter(action=scene.action("child"), to_phase__in=sorted(TERMINAL))
        terminal = [Phase(event.to_phase) for event in events.exclude(from_phase__in=sorted(TERMINAL))]
        answer = answers[1]
        assert isinstance(answer, AbortAnswer)
        assert len(terminal) == 1
        assert scene.phase("child") is terminal[0]
        assert (answer.outcome, terminal[0]) in {
            ("already_ended", Phase.SUCCEEDED),
            ("requested", Phase.ABORTED),
        }
        seen.add(answer.outcome)
    assert seen, "no round was run"


@pytest.mark.django_db
def test_law_1_the_loser_is_told_which_side_won_and_when():
    scene = Scene()
    scene.start()
    scene.grow("child")
    scene.batch(scene.finished("child"))

    answer = scene.abort("child")

    assert answer.outcome == "already_ended"
    assert answer.phase is Phase.SUCCEEDED
    assert answer.ended_ago_ms is not None
    assert answer.ended_ago_ms >= 0
    assert scene.action("child").abort is None


@pytest.mark.django_db
@pytest.mark.parametrize("outcome", ["succeeded", "failed", "cancelled"])
def test_law_1_a_terminal_action_is_never_rewritten_by_its_executor(outcome):
    scene = Scene()
    scene.start()
    scene.grow("child")
    late = scene.finished("child", outcome, Failure("Late", "too late"))
    scene.batch(scene.finished("child", "failed", Failure("First", "was first")))

    scene.batch(late)

    action = scene.action("child")
    assert (Phase(action.phase), action.error_code) == (Phase.FAILED, "First")


@pytest.mark.django_db(transaction=True)
def test_law_2_the_request_and_its_whole_cascade_are_visible_to_others_when_it_is_answered():
    scene = Scene()
    scene.start()
    scene.grow("held", "kept")
    scene.grow("below", parent="held")
    scene.queue("waiting", parent="held")

    scene.abort("held")
    seen = race(lambda: dict(Action.objects.values_list("name", "abort__reason")))[0]

    assert seen == {
        ROOT: None,
        "kept": None,
        "held": "not needed",
        "below": "not needed",
        "waiting": "not needed",
    }


@pytest.mark.django_db
def test_law_2_an_abort_is_replayed_to_an_executor_that_reconnects():
    scene = Scene()
    scene.start()
    scene.grow("child")
    scene.abort("child")

    changes = news.get_changes(scene.executor_id, {scene.run.pk: 0})

    assert [(cancel.key.name, cancel.note.reason, cancel.note.actor) for cancel in changes.cancels] == [
        ("child", "not needed", "ann")
    ]


@pytest.mark.django_db
def test_law_3_what_nobody_runs_stops_in_the_same_transaction():
    scene = Scene()
    scene.start()
    scene.queue("waiting")

    answer = scene.abort("waiting")

    assert (answer.reached, answer.stopped) == (1, 1)
    assert scene.phase("waiting") is Phase.ABORTED
    assert scene.action("waiting").ended_at == scene.abort_of("waiting").requested_at


@pytest.mark.django_db
@pytest.mark.parametrize("outcome", ["succeeded", "failed", "cancelled"])
def test_law_4_what_runs_keeps_its_phase_until_it_has_stopped_whatever_it_returned(outcome):
    scene = Scene()
    scene.start()
    scene.grow("child")

    answer = scene.abort("child")
    while_stopping = scene.phase("child")
    scene.batch(scene.delivered("child"))
    scene.batch(scene.finished("child", outcome, Failure("X", "x") if outcome == "failed" else None))

    action = scene.action("child")
    assert (answer.reached, answer.stopped) == (1, 0)
    assert while_stopping is Phase.RUNNING
    assert Phase(action.phase) is Phase.ABORTED
    assert action.delivered_at is not None
    assert action.ended_at is not None
    assert scene.abort_of("child").requested_at <= action.delivered_at <= action.ended_at


@pytest.mark.django_db
def test_law_4_the_parent_hears_of_an_abort_only_when_the_child_has_stopped():
    scene = Scene()
    scene.start()
    scene.grow("child")
    scene.abort("child")

    before = news.get_changes(scene.executor_id, {scene.run.pk: 0}).children
    scene.batch(scene.finished("child", "cancelled"))
    after = news.get_changes(scene.executor_id, {scene.run.pk: 0}).children

    assert before == []
    assert [(update.name, update.phase, update.abort and update.abort.reason) for update in after] == [
        ("child", Phase.ABORTED, "not needed")
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
def test_law_7_descendants_are_aborted_with_their_root_and_nothing_new_starts(outcome):
    scene = Scene()
    scene.start()
    scene.grow("child")
    scene.grow("grandchild", parent="child")
    scene.queue("waiting")

    scene.batch(scene.finished(ROOT, outcome, Failure("X", "x") if outcome == "failed" else None))

    assert scene.abort_of("grandchild").cause == Cause.ROOT_ENDED
    assert scene.phases()["waiting"] is Phase.ABORTED
    assert scene.phases()["grandchild"] is Phase.RUNNING
    assert scene.batch(scene.enqueue("late"))[0].code == "aborted"
    with pytest.raises(RunEnded):
        enqueue(ActionRef(scene.ref, "child"), read_action(scene.message("later", "child")))


@pytest.mark.django_db
def test_law_7_a_subtree_goes_with_its_parent_and_its_neighbours_stay():
    scene = Scene()
    scene.start()
    scene.grow("child", "neighbour")
    scene.grow("grandchild", parent="child")

    scene.batch(scene.finished("child"))

    assert scene.abort_of("grandchild").cause == Cause.PARENT_ENDED
    assert scene.abort_of("grandchild").target.name == "child"
    assert scene.action("neighbour").abort is None


@pytest.mark.django_db
def test_law_7_a_child_that_ends_after_its_parent_in_the_same_batch_is_aborted():
    scene = Scene()
    scene.start()
    scene.grow("child")

    scene.batch(scene.finished(ROOT), scene.finished("child"))

    assert scene.phases() == {ROOT: Phase.SUCCEEDED, "child": Phase.ABORTED}


@pytest.mark.django_db
def test_law_7_a_child_that_was_enqueued_in_the_batch_that_ends_its_parent_never_starts():
    scene = Scene()
    scene.start()

    results = scene.batch(scene.enqueue("child"), scene.finished(ROOT))

    assert results[0].code == "ok"
    assert scene.abort_of("child").cause == Cause.ROOT_ENDED


@pytest.mark.django_db
def test_law_7_nothing_is_enqueued_once_an_abort_of_the_run_was_asked():
    scene = Scene()
    scene.start()

    scene.abort(ROOT)

    assert scene.phase(ROOT) is Phase.RUNNING
    assert scene.batch(scene.enqueue("late"))[0].code == "aborted"


@pytest.mark.django_db(transaction=True)
def test_law_7_an_enqueue_that_races_the_end_of_the_root_leaves_nothing_alive():
    for _ in range(ROUNDS):
        scene = Scene()
        scene.start()
        finished, scene.seq = scene.finished(ROOT), scene.seq + 1
        child = read_action(scene.message("child"))

        race(
            partial(scene.resend, finished),
            partial(enqueue, ActionRef(scene.ref), child),
        )

        assert scene.phase(ROOT) is Phase.SUCCEEDED
        assert scene.phases().get("child") in {None, Phase.ABORTED}


@pytest.mark.django_db
def test_law_8_cancel_from_code_aborts_the_child_and_its_subtree():
    scene = Scene()
    scene.start()
    scene.grow("child")
    scene.grow("grandchild", parent="child")

    scene.batch(scene.abort_child("child"))

    assert {scene.abort_of(name).pk for name in ("child", "grandchild")} == {scene.abort_of("child").pk}
    assert (scene.abort_of("child").cause, scene.abort_of("child").actor) == (Cause.CANCELLED_BY_PARENT, ROOT)


@pytest.mark.django_db
def test_law_8_a_child_that_is_cancelled_in_the_batch_that_enqueues_it_never_runs():
    scene = Scene()
    scene.start()

    results = scene.batch(scene.enqueue("child"), scene.abort_child("child"))
    scene.batch(scene.finished("child", "cancelled"))

    assert results[0].code == "ok"
    assert scene.phase("child") is Phase.ABORTED
    assert scene.action("child").started_at is None


@pytest.mark.django_db
def test_law_9_an_uncaught_abort_fails_the_parent_and_is_not_retried():
    scene = Scene(retries=3)
    scene.start()
    failure = Failure("ActionAbortedError", "child was aborted by ann", recoverable=True)

    scene.batch(scene.finished(ROOT, "failed", failure))

    assert scene.phase(ROOT) is Phase.FAILED
    assert scene.action(ROOT).error_code == "ActionAbortedError"


@pytest.mark.django_db
def test_law_10_a_second_abort_changes_nothing_and_the_first_reason_stays():
    scene = Scene()
    scene.start()
    scene.grow("child")
    scene.abort("child", reason="first", actor="ann")
    before = (Abort.objects.count(), ActionEvent.objects.count())

    answer = scene.abort("child", reason="second", actor="bob")

    assert (answer.outcome, answer.reason, answer.requested_by) == ("already_requested", "first", "ann")
    assert before == (Abort.objects.count(), ActionEvent.objects.count())


@pytest.mark.django_db(transaction=True)
def test_law_10_two_aborts_at_once_leave_one_request():
    for _ in range(ROUNDS):
        scene = Scene()
        scene.start()
        scene.grow("child")

        answers = race(
            partial(scene.abort, "child", reason="first"),
            partial(scene.abort, "child", reason="second"),
        )

        outcomes = [answer.outcome for answer in answers if isinstance(answer, AbortAnswer)]
        assert sorted(outcomes) == ["already_requested", "requested"]
        assert Abort.objects.filter(run=scene.run).count() == 1


@pytest.mark.django_db
def test_law_10_an_abort_of_the_run_keeps_the_reason_of_a_child_that_was_asked_before():
    scene = Scene()
    scene.start()
    scene.grow("child", "other")
    scene.abort("child", reason="first")

    scene.abort(ROOT, reason="all of it")

    assert scene.abort_of("child").reason == "first"
    assert scene.abort_of("other").reason == "all of it"


@pytest.mark.django_db
def test_law_11_a_report_with_an_old_lease_is_refused():
    scene = Scene()
    scene.start()
    old = scene.finished(ROOT)
    scene.batch(scene.finished(ROOT, "interrupted"))
    scene.lease()

    scene.batch(old)

    assert scene.phase(ROOT) is Phase.INITIALIZING
    assert scene.action(ROOT).lease_epoch == old.epoch + 1


@pytest.mark.django_db
def test_law_11_an_executor_that_was_given_up_can_report_nothing_and_its_actions_run_again():
    scene = Scene()
    scene.start()
    finished = scene.finished(ROOT)

    leases.end_executor(scene.executor_id, "its process ended with code -9")

    with pytest.raises(LeaseLost):
        scene.batch(finished)
    assert scene.phase(ROOT) is Phase.QUEUED
    assert (scene.action(ROOT).system_failures, scene.action(ROOT).attempt) == (1, 1)


@pytest.mark.django_db
def test_law_11_an_executor_that_comes_back_is_told_what_to_kill():
    scene = Scene()
    scene.start()
    held = [frames.Held(scene.key(ROOT), 1), frames.Held(scene.key("unknown"), 1)]

    connected = leases.connect_executor(scene.hello(scene.executor_id, scene.epoch, held))

    assert [key.name for key in connected.kill] == ["unknown"]
    assert connected.missing == []
    with pytest.raises(LeaseLost):
        scene.batch(scene.finished(ROOT))


@pytest.mark.django_db
def test_law_11_a_lease_that_was_lost_on_the_way_is_given_again_with_the_same_epoch():
    scene = Scene()
    lost = scene.lease()

    connected = leases.connect_executor(scene.hello(scene.executor_id, scene.epoch, []))

    assert connected.missing == lost


@pytest.mark.django_db
def test_law_12_every_aborted_action_can_say_who_why_when_and_through_whom():
    scene = Scene()
    scene.start()
    scene.grow("child")
    scene.grow("grandchild", parent="child")
    scene.queue("waiting", parent="grandchild")

    scene.abort("child", reason="too slow", actor="ann")

    for name in ("child", "grandchild", "waiting"):
        abort = scene.abort_of(name)
        assert (abort.actor, abort.reason, abort.cause) == ("ann", "too slow", Cause.EXTERNAL_ABORT)
        assert abort.target.name == "child"
        event = ActionEvent.objects.filter(action=scene.action(name)).latest("pk")
        assert (event.cause, event.actor) == (Cause.EXTERNAL_ABORT, "ann")
