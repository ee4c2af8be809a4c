"""Retries that wait, and limits that pass (PROTOCOL.md §2.11): an instant is given to the sweep, nothing sleeps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from flyteidl2.task import task_definition_pb2

from runs.doctor import checks
from runs.domain.errors import Invalid
from runs.domain.failures import Failure
from runs.domain.limits import DEADLINE, MAX_RUNTIME, MAX_SECONDS, QUEUED_TIMEOUT
from runs.domain.names import ROOT
from runs.domain.phases import Cause, Phase
from runs.domain.retries import Backoff
from runs.domain.specs import read_task_spec
from runs.engine import leases, limits, news
from runs.engine.executors import scheduling
from runs.models import Abort, Action, Attempt
from tests.support.scene import Scene, task_spec

pytestmark = pytest.mark.django_db
AGES = timedelta(days=1)
RECOVERABLE = Failure("ValueError", "no", recoverable=True)


def limited(
    *, retries: int = 0, runtime: int = 0, queued: int = 0, deadline: int = 0, backoff: tuple[int, ...] = (),
    bundle: str = "file:///bundle.tgz",
) -> bytes:  # fmt: skip
    """A TaskSpec with limits in seconds, and a backoff of (base, factor, cap)."""
    spec = task_definition_pb2.TaskSpec.FromString(task_spec("env.child", retries=retries, bundle=bundle))
    metadata = spec.task_template.metadata
    for message, seconds in (
        (metadata.timeout, runtime),
        (metadata.timeouts.queued_timeout, queued),
        (metadata.timeouts.deadline, deadline),
    ):
        message.FromSeconds(seconds)
    if backoff:
        metadata.retries.backoff.base.FromSeconds(backoff[0])
        metadata.retries.backoff.factor = backoff[1]
        metadata.retries.backoff.cap.FromSeconds(backoff[2])
    return spec.SerializeToString(deterministic=True)


def play(spec: bytes, *, is_started: bool = True) -> Scene:
    """A root that runs, with a `child` of this spec, started or waiting in a pool that nobody serves."""
    scene = Scene()
    scene.start()
    scene.batch(scene.enqueue("child", spec=spec))
    if is_started:
        scene.batch(scene.started("child"))
    return scene


def later(seconds: float) -> None:
    limits.expire(timezone.now() + timedelta(seconds=seconds))


def is_sound() -> bool:
    return checks.list_findings(checks.Limits(timezone.now(), AGES, AGES, AGES, 99)) == []


# --- what a task says -------------------------------------------------------------------------------------------


def test_the_limits_of_a_task_are_read_and_none_is_unlimited():
    task = read_task_spec(limited(retries=3, runtime=5, queued=6, deadline=7, backoff=(1, 2, 3)))
    bare = read_task_spec(task_spec())

    assert (task.max_runtime_seconds, task.queued_timeout_seconds, task.deadline_seconds) == (5, 6, 7)
    assert task.backoff == Backoff(1, 2, 3)
    assert (bare.max_runtime_seconds, bare.queued_timeout_seconds, bare.deadline_seconds) == (0, 0, 0)
    assert bare.backoff == Backoff()


def test_a_negative_limit_is_refused_and_an_endless_one_stays_a_date():
    with pytest.raises(Invalid, match=r"timeout of task 'env\.child' is negative"):
        read_task_spec(limited(runtime=-1))
    assert read_task_spec(limited(deadline=300_000_000_000)).deadline_seconds == MAX_SECONDS


@pytest.mark.parametrize(
    ("backoff", "delays"),
    [
        (Backoff(), [0, 0, 0]),
        (Backoff(10), [10, 10, 10]),
        (Backoff(10, 2, 25), [10, 20, 25]),
        (Backoff(10, 2, 0), [0, 0, 0]),
        (Backoff(10, 1e300, None), [10, MAX_SECONDS, MAX_SECONDS]),
    ],
)
def test_a_backoff_grows_by_its_factor_up_to_its_cap(backoff, delays):
    assert [backoff.delay_seconds(attempt) for attempt in (1, 2, 3)] == delays


# --- backoff ----------------------------------------------------------------------------------------------------


def test_a_retry_is_not_leased_before_its_backoff_is_over():
    scene = play(limited(retries=1, backoff=(60, 2, 600)))
    scene.batch(scene.finished("child", "failed", RECOVERABLE))
    child = scene.action("child")

    again = scene.resend(scene.enqueue("child"))

    assert (child.phase, child.attempt) == (Phase.QUEUED, 2)
    assert child.not_before == child.queued_at + timedelta(seconds=60)
    assert leases.get_offer(scene.executor_id).count == 0
    assert (scene.lease(), again[0].lease) == ([], None)
    leases.end_executor(scene.executor_id, "gone")
    Action.objects.filter(name=ROOT).update(not_before=child.not_before)
    assert not scheduling.is_needed()


def test_a_retry_is_leased_once_its_backoff_is_over():
    scene = play(limited(retries=1, backoff=(60, 2, 600)))
    scene.batch(scene.finished("child", "failed", RECOVERABLE))
    Action.objects.filter(name="child").update(not_before=timezone.now())

    assert leases.get_offer(scene.executor_id).count == 1
    assert [lease.attempt for lease in scene.lease()] == [2]
    assert is_sound()


def test_the_end_of_a_backoff_is_due_once():
    scene = play(limited(retries=1, backoff=(60, 2, 600)))
    scene.batch(scene.finished("child", "failed", RECOVERABLE))
    now, minute = timezone.now(), timedelta(seconds=61)

    ends = limits.find_next(now)

    assert ends is not None
    assert now < ends < now + minute
    assert limits.find_next(ends) is None


def test_a_retry_that_waits_stops_at_once_when_it_is_aborted():
    scene = play(limited(retries=1, backoff=(60, 2, 600)))
    scene.batch(scene.finished("child", "failed", RECOVERABLE))

    scene.abort("child")

    assert scene.phase("child") is Phase.ABORTED


# --- the queue --------------------------------------------------------------------------------------------------


def test_what_waits_too_long_is_timed_out_at_once_and_the_parent_hears_why():
    scene = play(limited(queued=30, bundle="file:///other.tgz"), is_started=False)

    later(29)
    before = scene.phase("child")
    later(31)

    child = scene.action("child")
    told = [
        one for one in news.get_changes(scene.executor_id, {scene.run.pk: 0}).children if one.name == "child"
    ]
    assert before is Phase.QUEUED
    assert (child.phase, child.error_code, child.error_kind) == (Phase.TIMED_OUT, QUEUED_TIMEOUT, "user")
    assert (child.abort, child.due_at) == (None, None)
    assert told[0].failure is not None
    assert (told[0].phase, told[0].failure.code) == (Phase.TIMED_OUT, QUEUED_TIMEOUT)
    assert "30 s" in told[0].failure.message
    assert is_sound()


def test_time_in_the_queue_uses_retries_each_with_its_own_time():
    scene = play(limited(retries=2, queued=30, bundle="file:///other.tgz"), is_started=False)

    seen = []
    for seconds in (31, 62, 93):
        later(seconds)
        seen.append((scene.phase("child"), scene.action("child").attempt))

    assert seen == [(Phase.QUEUED, 2), (Phase.QUEUED, 3), (Phase.TIMED_OUT, 3)]
    assert is_sound()


def test_what_was_leased_waits_no_more():
    scene = play(limited(queued=30), is_started=False)

    later(31)

    assert scene.phase("child") is Phase.INITIALIZING
    assert scene.action("child").abort is None


# --- what runs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "cancelled", "interrupted"])
@pytest.mark.parametrize(("limits", "code"), [({"runtime": 30}, MAX_RUNTIME), ({"deadline": 30}, DEADLINE)])
def test_law_4_what_runs_too_long_is_cancelled_and_timed_out_when_it_has_stopped(limits, code, outcome):
    scene = play(limited(**limits))

    later(29)
    before = scene.action("child").abort
    later(31)
    cancels = news.get_changes(scene.executor_id, {scene.run.pk: 0}).cancels
    abort, running = scene.abort_of("child"), scene.phase("child")
    scene.batch(scene.delivered("child"), scene.finished("child", outcome, RECOVERABLE))

    child = scene.action("child")
    assert before is None
    assert (abort.cause, abort.actor, abort.target_id) == (Cause.TIMEOUT, "flyteui", child.pk)
    assert [(cancel.key.name, cancel.note.cause) for cancel in cancels] == [("child", Cause.TIMEOUT)]
    assert running is Phase.RUNNING
    assert (child.phase, child.error_code, child.error_kind) == (Phase.TIMED_OUT, code, "user")
    assert child.error_message
    assert child.abort_id == abort.pk
    assert is_sound()


def test_a_time_out_of_what_a_lost_executor_held_ends_it_too():
    scene = play(limited(runtime=30))
    later(31)

    leases.end_executor(scene.executor_id, "killed")

    assert (scene.phase("child"), scene.action("child").error_code) == (Phase.TIMED_OUT, MAX_RUNTIME)


def test_law_7_what_is_below_an_action_that_times_out_is_aborted_for_the_same_reason():
    scene = play(limited(runtime=30))
    scene.grow("below", parent="child")
    scene.queue("waiting", parent="child")

    later(31)
    scene.batch(scene.finished("below", "cancelled"), scene.finished("child", "cancelled"))

    assert scene.phases() == {
        ROOT: Phase.RUNNING, "child": Phase.TIMED_OUT, "below": Phase.ABORTED, "waiting": Phase.ABORTED,
    }  # fmt: skip
    assert scene.abort_of("below") == scene.abort_of("waiting") == scene.abort_of("child")
    assert is_sound()


def test_law_7_children_of_an_action_that_times_out_in_the_queue_are_aborted():
    scene = play(limited(deadline=30))
    scene.grow("below", parent="child")
    scene.batch(scene.finished("child", "interrupted"))

    later(31)

    assert (scene.phase("child"), scene.action("child").error_code) == (Phase.TIMED_OUT, DEADLINE)
    assert scene.abort_of("below").cause == Cause.PARENT_ENDED
    assert is_sound()


def test_an_attempt_that_ran_too_long_is_tried_again_with_its_children_untouched():
    scene = play(limited(retries=1, runtime=30, backoff=(5, 1, 5)))
    scene.grow("below", parent="child")

    later(31)
    while_stopping = is_sound()
    # The code of the attempt is cancelled, and so is what it awaits; that is no cancel of the child.
    enqueued = scene.batch(scene.abort_child("below", parent="child"), scene.enqueue("more", "below"))
    scene.batch(scene.delivered("child"), scene.finished("child", "cancelled"))

    child, attempt = scene.action("child"), Attempt.objects.get(action__name="child")
    assert while_stopping
    assert enqueued[0].code == "ok"
    assert (child.phase, child.attempt, child.abort, child.exceeded) == (Phase.QUEUED, 2, None, "")
    assert child.not_before is not None
    assert (attempt.outcome, attempt.error_code) == ("timed_out", MAX_RUNTIME)
    assert (scene.phase("below"), scene.action("below").abort) == (Phase.RUNNING, None)
    assert is_sound()


def test_the_next_attempt_has_its_own_time_and_the_last_one_ends_the_action():
    scene = play(limited(retries=1, runtime=30))
    later(31)
    scene.batch(scene.delivered("child"), scene.finished("child", "cancelled"))

    scene.lease()
    scene.batch(scene.started("child"))
    later(29)
    early = scene.action("child")
    later(31)
    cancels = news.get_changes(scene.executor_id, {scene.run.pk: 0}).cancels
    scene.batch(scene.finished("child", "cancelled"))

    assert (early.abort, early.delivered_at) == (None, None)
    assert [cancel.epoch for cancel in cancels] == [2]
    assert (scene.phase("child"), scene.action("child").attempt) == (Phase.TIMED_OUT, 2)
    assert is_sound()


def test_a_deadline_leaves_no_retry_and_spans_all_attempts():
    scene = play(limited(retries=5, deadline=30))
    scene.batch(scene.finished("child", "failed", RECOVERABLE))
    scene.lease()
    scene.batch(scene.started("child"))

    later(31)
    scene.batch(scene.finished("child", "cancelled"))

    assert (scene.phase("child"), scene.action("child").error_code) == (Phase.TIMED_OUT, DEADLINE)


def test_a_deadline_that_passes_while_an_attempt_is_stopped_ends_the_action():
    scene = play(limited(retries=5, runtime=30, deadline=60))
    scene.grow("below", parent="child")
    later(31)
    Action.objects.filter(name="child").update(deadline_at=timezone.now())

    scene.batch(scene.finished("child", "cancelled"))

    assert (scene.phase("child"), scene.action("child").error_code) == (Phase.TIMED_OUT, DEADLINE)
    assert scene.action("below").abort is not None


# --- limits and aborts ------------------------------------------------------------------------------------------


def test_law_10_an_abort_that_came_first_wins_over_a_limit():
    scene = play(limited(retries=5, runtime=30))
    scene.abort("child")

    later(31)
    scene.batch(scene.finished("child", "cancelled"))

    assert (scene.phase("child"), scene.abort_of("child").actor) == (Phase.ABORTED, "ann")
    assert Abort.objects.count() == 1


def test_law_10_a_limit_that_ends_an_action_wins_over_a_later_abort():
    scene = play(limited(runtime=30))
    later(31)

    answer = scene.abort("child")
    scene.batch(scene.finished("child", "cancelled"))

    assert (answer.outcome, answer.requested_by) == ("already_requested", "flyteui")
    assert scene.phase("child") is Phase.TIMED_OUT


@pytest.mark.parametrize("target", ["child", ROOT])
def test_what_is_aborted_while_an_attempt_is_stopped_for_a_limit_is_not_tried_again(target):
    scene = play(limited(retries=5, runtime=30))
    scene.grow("below", parent="child")
    later(31)
    scene.batch(scene.delivered("child"))

    answer = scene.abort(target)
    scene.batch(scene.finished("child", "cancelled"))

    assert answer.outcome == "requested"
    assert (scene.phase("child"), scene.abort_of("child").actor) == (Phase.ABORTED, "ann")
    assert scene.abort_of("below").actor == "ann"
    assert is_sound()


def test_what_ended_in_time_is_left_alone():
    scene = play(limited(runtime=30, deadline=60))
    scene.batch(scene.finished("child"))

    assert limits.find_next(timezone.now()) is None
    later(86400)

    assert scene.phase("child") is Phase.SUCCEEDED


def test_a_look_at_the_clock_is_two_statements(django_assert_num_queries):
    scene = play(limited(runtime=30))
    assert scene.phase("child") is Phase.RUNNING

    with django_assert_num_queries(2):
        limits.find_next(timezone.now())
