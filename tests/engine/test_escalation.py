"""Law 6 and Force as the database keeps them: steps, who is stopped, and what becomes of those beside it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from runs.domain.errors import Invalid
from runs.domain.names import ROOT, ActionRef
from runs.domain.phases import Cause, Escalation, Phase
from runs.domain.variables.grace import VARIABLE, grace_seconds
from runs.engine import escalation, leases, limits, news
from runs.engine.aborts import AbortAnswer, request_abort
from runs.engine.executors import scheduling
from runs.models import Abort, Action, ActionEvent, Attempt, Executor
from runs.protocol import frames
from tests.support.scene import Scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene() -> Scene:
    """A root with two children; one was asked to stop, and told."""
    made = Scene()
    made.start()
    made.grow("stubborn", "innocent")
    made.abort("stubborn")
    made.batch(made.delivered("stubborn"))
    return made


def refusing(
    scene: Scene, step: Escalation, *, name: str = "stubborn", stack: str = "here", next_in: float = 1.0
) -> frames.Refusing:
    at = frames.now_us()
    next_at = at + int(next_in * 1e6) if next_in else 0
    return frames.Refusing(scene.key(name), scene.lease_epoch(name), at, int(step), stack, next_at)


def state(scene: Scene) -> Executor:
    return Executor.objects.get(pk=scene.executor_id)


def causes(scene: Scene, name: str) -> list[str]:
    return list(
        ActionEvent.objects.filter(action=scene.action(name)).order_by("pk").values_list("cause", flat=True)
    )


def cancels(scene: Scene) -> dict[str, bool]:
    found = news.get_changes(scene.executor_id, {scene.run.pk: 0}).cancels
    return {cancel.key.name: cancel.is_forced for cancel in found}


def refuse_to_the_end(scene: Scene) -> None:
    scene.batch(refusing(scene, Escalation.ASKED_AGAIN))
    scene.batch(refusing(scene, Escalation.PROCESS, next_in=0))


def test_law_6_a_step_is_kept_with_its_stack_and_the_next_instant(scene: Scene):
    scene.batch(refusing(scene, Escalation.ASKED_AGAIN, next_in=30.0))

    action = scene.action("stubborn")
    assert (action.escalation, action.stuck_in) == (Escalation.ASKED_AGAIN, "here")
    assert action.phase == Phase.RUNNING
    assert action.refusing_since is not None
    assert action.escalates_at is not None
    left = action.escalates_at - timezone.now()
    assert timedelta(seconds=25) < left <= timedelta(seconds=30)
    assert causes(scene, "stubborn")[-1] == Cause.REFUSED
    assert state(scene).state == Executor.State.CONNECTED


def test_law_6_steps_never_go_back_and_a_repeated_one_is_no_event(scene: Scene):
    scene.batch(refusing(scene, Escalation.CLOSED, stack="second"))
    first = scene.action("stubborn").refusing_since
    events = causes(scene, "stubborn")

    scene.batch(refusing(scene, Escalation.ASKED_AGAIN, stack="first"))
    scene.batch(refusing(scene, Escalation.CLOSED, stack="x" * 30_000 + "end"))

    action = scene.action("stubborn")
    assert (action.escalation, action.refusing_since) == (Escalation.CLOSED, first)
    assert len(action.stuck_in) == escalation.MAX_STACK
    assert action.stuck_in.endswith("end")
    assert causes(scene, "stubborn") == events


def test_what_nobody_asked_to_stop_cannot_refuse(scene: Scene):
    scene.batch(refusing(scene, Escalation.PROCESS, name="innocent", next_in=0))

    assert scene.action("innocent").escalation == Escalation.NONE
    assert state(scene).state == Executor.State.CONNECTED


def test_law_6_an_aborted_action_keeps_what_its_refusal_was(scene: Scene):
    scene.batch(refusing(scene, Escalation.ASKED_AGAIN))
    scene.batch(refusing(scene, Escalation.CLOSED), scene.finished("stubborn", "cancelled"))

    action = scene.action("stubborn")
    assert action.phase == Phase.ABORTED
    assert (action.escalation, action.escalates_at) == (Escalation.CLOSED, None)
    assert action.refusing_since is not None


def test_law_6_the_last_step_stops_the_executor_and_its_worker_is_told(scene: Scene):
    Executor.objects.filter(pk=scene.executor_id).update(worker="w")

    refuse_to_the_end(scene)

    assert state(scene).state == Executor.State.STOPPING
    (stop,) = scheduling.find_stops("w")
    assert (stop.executor, stop.kill_after_seconds) == (str(scene.executor_id), scheduling.KILL_AFTER_SECONDS)
    assert "stubborn" in stop.reason
    assert scheduling.find_stops("other") == []
    # Nothing has stopped yet.
    assert {name: scene.phase(name) for name in ("stubborn", "innocent", ROOT)} == dict.fromkeys(
        ("stubborn", "innocent", ROOT), Phase.RUNNING
    )


def test_law_6_a_stopping_executor_gets_no_leases_and_its_pool_another_executor(scene: Scene):
    refuse_to_the_end(scene)

    results = scene.batch(scene.enqueue("late"))

    assert results[0].lease is None
    assert leases.get_offer(scene.executor_id).count == 0
    assert leases.lease_queued(scene.executor_id, scene.epoch, 10) == []
    (launch,) = [one for one in scheduling.claim_demand("w").launches if not one.is_reserve]
    assert launch.pool == scene.pool.key


def test_law_6_innocents_are_requeued_and_the_refusing_one_is_aborted_when_the_process_has_ended(
    scene: Scene,
):
    refuse_to_the_end(scene)

    leases.end_executor(scene.executor_id, "killed by SIGKILL")

    assert scene.phases() == {ROOT: Phase.QUEUED, "innocent": Phase.QUEUED, "stubborn": Phase.ABORTED}
    for name in (ROOT, "innocent"):
        assert scene.action(name).system_failures == 0
        assert causes(scene, name)[-1] == Cause.SHUTDOWN
    assert causes(scene, "stubborn")[-2:] == [Cause.REFUSED, Cause.REFUSED]
    assert scene.action("stubborn").escalation == Escalation.PROCESS
    assert Attempt.objects.get(action=scene.action("stubborn")).outcome == "aborted"
    assert "stubborn" in state(scene).end_reason


def test_law_6_what_the_process_reports_before_its_end_counts(scene: Scene):
    refuse_to_the_end(scene)

    scene.batch(scene.finished("innocent", "interrupted"))
    leases.end_executor(scene.executor_id, "killed by SIGKILL")

    assert scene.phases() == {ROOT: Phase.QUEUED, "innocent": Phase.QUEUED, "stubborn": Phase.ABORTED}


def test_an_executor_that_was_stopped_in_order_loses_nothing_to_failures():
    scene = Scene()
    scene.start()

    leases.end_executor(scene.executor_id, "stopped", was_stopped=True)

    assert (scene.phase(), scene.action().system_failures) == (Phase.QUEUED, 0)


def test_a_stopping_executor_stays_so_when_its_link_or_the_server_comes_and_goes(scene: Scene):
    refuse_to_the_end(scene)

    connected = leases.connect_executor(scene.hello(scene.executor_id, scene.epoch))
    leases.disconnect_executor(scene.executor_id, connected.epoch)
    scheduling.forget_connections()

    assert state(scene).state == Executor.State.STOPPING
    assert state(scene).disconnected_at is not None
    assert scene.phase("innocent") is Phase.RUNNING


def test_a_retry_does_not_inherit_the_refusal():
    scene = Scene(retries=1)
    scene.start()
    Action.objects.filter(name=ROOT).update(due_at=timezone.now())
    limits.expire(timezone.now())
    scene.batch(refusing(scene, Escalation.ASKED_AGAIN, name=ROOT))
    scene.batch(scene.finished(ROOT, "cancelled"))

    action = scene.action()
    assert (action.phase, action.attempt) == (Phase.QUEUED, 2)
    assert (action.escalation, action.stuck_in) == (Escalation.NONE, "")
    assert (action.refusing_since, action.escalates_at, action.forced_at) == (None, None, None)


# What its worker still runs.


def lost(scene: Scene, **columns: object) -> None:
    long_ago = timezone.now() - timedelta(seconds=settings.EXECUTOR_LEASE_SECONDS + 1)
    Executor.objects.filter(pk=scene.executor_id).update(
        state=Executor.State.DISCONNECTED, disconnected_at=long_ago, **{"worker": "w", **columns}
    )


def test_law_11_what_was_held_is_requeued_after_the_end_of_a_process_that_its_worker_runs():
    scene = Scene()
    scene.start()
    lost(scene)
    running = {str(scene.executor_id)}

    assert scheduling.find_orphaned() != []
    scheduling.record_worker("w", "its connection")
    assert scheduling.find_orphaned() == []
    scheduling.end_lost(scheduling.find_lost("w", running), running)

    assert (scene.phase(), state(scene).state) == (Phase.RUNNING, Executor.State.STOPPING)
    leases.end_executor(scene.executor_id, "killed by SIGKILL")
    assert (scene.phase(), scene.action().system_failures) == (Phase.QUEUED, 1)


def test_law_11_without_its_worker_the_lease_decides():
    scene = Scene()
    scene.start()
    lost(scene, worker="away")

    scheduling.end_lost(scheduling.find_orphaned())

    assert (scene.phase(), state(scene).state) == (Phase.QUEUED, Executor.State.GONE)


def test_what_a_connected_worker_runs_is_left_to_that_one():
    scene = Scene()
    scene.start()
    lost(scene, worker="other")

    scheduling.record_worker("other", "first connection")
    scheduling.record_worker("other", "second connection")
    scheduling.forget_worker("other", "first connection")

    assert scheduling.find_lost("w", set()) == []
    assert scheduling.find_orphaned() == []
    scheduling.forget_worker("other", "second connection")
    assert [one for one, _ in scheduling.find_orphaned()] == [scene.executor_id]


# The backstop.


def ages_ago(scene: Scene, seconds: float) -> datetime:
    """As if the abort, its delivery and the connection were that long ago."""
    then = timezone.now() - timedelta(seconds=seconds)
    Abort.objects.update(requested_at=then)
    Action.objects.filter(name="stubborn").update(delivered_at=then)
    Executor.objects.filter(pk=scene.executor_id).update(reached_at=then)
    return then


PATIENCE = 2 * settings.ABORT_GRACE_SECONDS + escalation.SLACK_SECONDS


def test_an_executor_that_takes_no_step_is_stopped(scene: Scene):
    ages_ago(scene, PATIENCE + 1)

    overdue = escalation.find_overdue(timezone.now())
    escalation.stop_overdue(overdue)
    escalation.stop_overdue(overdue)

    assert [one.action_id for one in overdue] == [scene.action("stubborn").pk]
    assert state(scene).state == Executor.State.STOPPING
    assert scene.action("stubborn").escalation == Escalation.PROCESS
    assert escalation.find_overdue(timezone.now()) == []
    leases.end_executor(scene.executor_id, "killed by SIGKILL")
    assert scene.phases() == {ROOT: Phase.QUEUED, "innocent": Phase.QUEUED, "stubborn": Phase.ABORTED}


def test_an_executor_that_takes_its_steps_is_not(scene: Scene):
    ages_ago(scene, PATIENCE - 2)
    assert escalation.find_overdue(timezone.now()) == []

    ages_ago(scene, PATIENCE + 1)
    scene.batch(refusing(scene, Escalation.ASKED_AGAIN))
    assert escalation.find_overdue(timezone.now()) == []


def test_an_executor_that_was_away_has_its_time_from_when_it_came_back(scene: Scene):
    ages_ago(scene, PATIENCE + 1)
    Executor.objects.filter(pk=scene.executor_id).update(reached_at=timezone.now())

    assert escalation.find_overdue(timezone.now()) == []


def test_looking_for_what_is_overdue_is_one_statement(scene: Scene, django_assert_num_queries):
    ages_ago(scene, PATIENCE + 1)
    with django_assert_num_queries(1):
        escalation.find_overdue(timezone.now())


# Force.


def force(scene: Scene, name: str, actor: str = "bob") -> AbortAnswer:
    return request_abort(ActionRef(scene.ref, name), reason="now", actor=actor, force=True)


def test_force_reaches_what_is_held_below_and_is_told_after_its_delivery(scene: Scene):
    assert cancels(scene) == {}

    answer = force(scene, "stubborn")

    assert answer.outcome == "forced"
    assert cancels(scene) == {"stubborn": True}
    assert scene.abort_of("stubborn").actor == "ann", "law 10: the first request stays"
    event = ActionEvent.objects.filter(action=scene.action("stubborn")).latest("pk")
    assert (event.cause, event.actor) == (Cause.FORCED, "bob")


def test_force_asks_what_was_not_asked_yet():
    scene = Scene()
    scene.start()
    scene.grow("held")
    scene.grow("below", parent="held")
    scene.queue("waiting", parent="held")

    answer = force(scene, "held")

    assert (answer.outcome, answer.reached, answer.stopped) == ("forced", 3, 1)
    assert cancels(scene) == {"held": True, "below": True}
    assert scene.phase("waiting") is Phase.ABORTED
    assert scene.action().forced_at is None


def test_forcing_again_changes_nothing(scene: Scene):
    force(scene, "stubborn")
    first, events = scene.action("stubborn").forced_at, causes(scene, "stubborn")

    assert force(scene, "stubborn").outcome == "forced"

    assert scene.action("stubborn").forced_at == first
    assert causes(scene, "stubborn") == events


def test_force_finds_what_has_ended_as_it_is(scene: Scene):
    scene.batch(scene.finished("innocent"))

    answer = force(scene, "innocent")

    assert (answer.outcome, answer.phase) == ("already_ended", Phase.SUCCEEDED)
    assert scene.action("innocent").forced_at is None


def test_a_forced_action_whose_executor_says_nothing_costs_it_soon(scene: Scene):
    force(scene, "stubborn")
    then = timezone.now() - timedelta(seconds=escalation.FORCED_SLACK_SECONDS + 1)
    ages_ago(scene, escalation.FORCED_SLACK_SECONDS + 1)
    Action.objects.filter(name="stubborn").update(forced_at=then)

    assert len(escalation.find_overdue(timezone.now())) == 1


# The grace period of a pool.


def test_a_pool_may_have_a_grace_of_its_own(scene: Scene):
    scene.pool.env = {VARIABLE: "2.5"}
    scene.pool.save()

    assert leases.connect_executor(scene.hello(scene.executor_id, scene.epoch)).grace_seconds == 2.5


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "1e9", ""])
def test_a_grace_that_is_none_is_refused_by_name(text: str):
    with pytest.raises(Invalid, match=VARIABLE):
        grace_seconds({VARIABLE: text}, 30.0)
