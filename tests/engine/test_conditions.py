"""Conditions: what they are signalled with, how else they end, and what their parents hear (PROTOCOL.md §2.8)."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from django.utils import timezone
from flyteidl2.core import types_pb2

from runs.domain import conditions
from runs.domain.conditions import Typed, Value
from runs.domain.errors import Conflict, Invalid, NotFound
from runs.domain.limits import CONDITION_TIMEOUT
from runs.domain.names import ActionRef
from runs.domain.phases import Cause, Phase
from runs.engine import leases, limits, news
from runs.engine.conditions import SignalAnswer, signal_condition
from runs.models import Action, ActionEvent
from runs.protocol import frames
from tests.support.racing import race
from tests.support.scene import Scene

BOOLEAN, INTEGER, FLOAT, STRING = types_pb2.BOOLEAN, types_pb2.INTEGER, types_pb2.FLOAT, types_pb2.STRING


def ask(scene: Scene, name: str = "q", *, simple: int = BOOLEAN, seconds: float = 0) -> None:
    """A condition below the root, as the executor asks for it."""
    message = scene.message(name)
    message.ClearField("task")
    message.condition.name = "approval"
    message.condition.type.simple = simple  # type: ignore[assignment]
    message.condition.timeout.FromTimedelta(timedelta(seconds=seconds))
    scene.batch(frames.Enqueue(scene.run.pk, "a0", message.SerializeToString()))


def play(*, simple: int = BOOLEAN, seconds: float = 0) -> Scene:
    scene = Scene()
    scene.start()
    ask(scene, simple=simple, seconds=seconds)
    return scene


def signal(scene: Scene, given: Value | Typed, name: str = "q", *, actor: str = "ann") -> SignalAnswer:
    return signal_condition(ActionRef(scene.ref, name), given, actor=actor)


def expire(seconds: float) -> None:
    limits.expire(timezone.now() + timedelta(seconds=seconds))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("simple", "value", "text"),
    [
        (BOOLEAN, True, " Yes"),
        (BOOLEAN, False, "false"),
        (INTEGER, -7, " -7 "),
        (INTEGER, 0, "0"),
        (FLOAT, 2.5, "2.5"),
        (FLOAT, 3.0, "3"),
        (STRING, " as it is ", " as it is "),
        (STRING, "", ""),
    ],
)
def test_a_value_of_the_right_type_lets_the_parent_go_on(simple, value, text):
    scene = play(simple=simple)
    before = dict.fromkeys([scene.run.pk], scene.run.seq)

    answer = signal(scene, value)

    told = news.get_changes(scene.executor_id, before).children
    assert answer.is_new
    assert scene.phase("q") is Phase.SUCCEEDED
    assert [(one.name, one.phase, one.value) for one in told] == [
        ("q", Phase.SUCCEEDED, conditions.to_bytes(value))
    ]
    assert signal(scene, Typed(text)).value == value, "what people type means the same"
    event = ActionEvent.objects.get(action__name="q", to_phase=Phase.SUCCEEDED)
    assert (event.cause, event.actor, event.from_phase) == (Cause.SIGNALLED, "ann", Phase.PAUSED)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("simple", "given", "says"),
    [
        (FLOAT, 3, "waits for a float, not for 3"),
        (INTEGER, True, "waits for an integer, not for True"),
        (INTEGER, 2**63, "64 bits"),
        (BOOLEAN, 1, "waits for a boolean, not for 1"),
        (STRING, False, "waits for a string, not for False"),
        (STRING, "x" * 10_001, "10001 characters"),
        (BOOLEAN, Typed("maybe"), "'maybe' is neither true nor false"),
        (INTEGER, Typed("1.5"), "'1.5' is not an integer"),
        (INTEGER, Typed("9" * 19), "64 bits"),
        (INTEGER, Typed("9" * 5000), "64 bits"),
        (FLOAT, Typed("many"), "'many' is not a number"),
        (FLOAT, Typed("inf"), "not a finite number"),
        (STRING, Typed("x" * 10_001), "10001 characters"),
    ],
)
def test_another_type_is_refused_by_name_and_changes_nothing(simple, given, says):
    scene = play(simple=simple)

    with pytest.raises(Invalid, match=says):
        signal(scene, given)

    assert scene.phase("q") is Phase.PAUSED


@pytest.mark.django_db
def test_the_same_value_again_is_fine_and_another_one_says_who_was_first():
    scene = play(simple=FLOAT)
    signal(scene, math.pi)

    again = signal(scene, math.pi, actor="bob")

    assert (again.is_new, again.actor) == (False, "ann")
    with pytest.raises(
        Conflict, match=r"was signalled with 3\.14\S* by ann at .* UTC; the first value stays"
    ):
        signal(scene, 2.0, actor="bob")
    assert ActionEvent.objects.filter(cause=Cause.SIGNALLED).count() == 1


@pytest.mark.django_db
def test_what_is_no_waiting_condition_cannot_be_signalled():
    scene = play(seconds=60)
    with pytest.raises(Conflict, match="action a0 is a task, not a condition"):
        signal(scene, True, "a0")
    with pytest.raises(NotFound, match="no action 'nobody'"):
        signal(scene, True, "nobody")
    with pytest.raises(Invalid, match="q is not the parent of condition q"):
        signal_condition(ActionRef(scene.ref, "q"), True, actor="ann", parent="q")

    ask(scene, "late", seconds=1)
    expire(2)
    scene.abort("q")

    with pytest.raises(Conflict, match=r"'approval' \(q\) was aborted at .* takes no value any more"):
        signal(scene, True)
    with pytest.raises(Conflict, match=r"'approval' \(late\) timed out at"):
        signal(scene, True, "late")


@pytest.mark.django_db
def test_a_condition_times_out_after_its_limit_and_says_so_to_its_parent():
    scene = play(seconds=60)
    scene.run.refresh_from_db()

    expire(59)
    assert scene.phase("q") is Phase.PAUSED
    expire(61)

    told = news.get_changes(scene.executor_id, {scene.run.pk: scene.run.seq}).children
    ended = scene.action("q")
    assert (Phase(ended.phase), ended.error_code, ended.error_kind) == (
        Phase.TIMED_OUT, CONDITION_TIMEOUT, "user",
    )  # fmt: skip
    assert "nobody signalled it before" in ended.error_message
    assert [one.failure.code for one in told if one.failure] == ["ConditionTimedOut"]


@pytest.mark.django_db
def test_an_abort_of_a_paused_condition_is_immediate_and_its_limit_is_forgotten():
    scene = play(seconds=60)

    answer = scene.abort("q")
    expire(61)

    assert (answer.stopped, scene.phase("q")) == (1, Phase.ABORTED)
    assert scene.action("q").due_at is None


@pytest.mark.django_db
def test_a_parent_that_starts_again_is_told_of_signalled_conditions_only():
    scene = play(simple=INTEGER)
    ask(scene, "still")
    signal(scene, 42)

    leases.end_executor(scene.executor_id, "killed")
    scene.executor_id, scene.epoch = scene.connect()
    (lease,) = scene.lease()

    assert [(child.name, child.value) for child in lease.children] == [("q", conditions.to_bytes(42))]
    scene.seq = 0
    scene.batch(scene.started())
    assert scene.batch(scene.enqueue("still"))[0].code == "already_exists"
    seen = dict.fromkeys([scene.run.pk], scene.action().changed_seq)
    signal(scene, True, "still")
    told = news.get_changes(scene.executor_id, seen).children
    assert [(child.name, child.value) for child in told] == [("still", conditions.to_bytes(True))]


@pytest.mark.django_db(transaction=True)
def test_of_two_signals_at_once_one_wins_and_the_other_is_told():
    scene = play(simple=INTEGER)

    results = race(*[lambda value=value: signal(scene, value, actor=f"actor{value}") for value in range(2)])

    (won,) = [one for one in results if isinstance(one, SignalAnswer)]
    (lost,) = [one for one in results if isinstance(one, Conflict)]
    assert f"was signalled with {won.value} by actor{won.value}" in lost.message
    assert bytes(Action.objects.get(name="q").value) == conditions.to_bytes(won.value)


@pytest.mark.django_db(transaction=True)
def test_a_signal_and_an_abort_at_once_leave_one_end():
    scene = play()

    results = race(lambda: signal(scene, True), lambda: scene.abort("q"))

    action = scene.action("q")
    if isinstance(results[0], SignalAnswer):
        assert (action.phase, action.abort) == (Phase.SUCCEEDED, None)
        assert getattr(results[1], "outcome", None) == "already_ended"
    else:
        assert (action.phase, bytes(action.value)) == (Phase.ABORTED, b"")
        assert isinstance(results[0], Conflict)


@pytest.mark.django_db
def test_a_comment_is_kept_with_the_first_answer_and_with_no_other():
    scene = play()
    ref = ActionRef(scene.ref, "q")

    signal_condition(ref, True, actor="ann", comment="  two\r\nlines ")
    signal_condition(ref, True, actor="bob", comment="me too")

    assert scene.action("q").comment == "two\nlines"


@pytest.mark.django_db
def test_a_comment_that_is_too_long_is_refused_and_the_condition_waits_on():
    scene = play()
    ref = ActionRef(scene.ref, "q")

    with pytest.raises(Invalid, match="the comment has 2,001 characters; at most 2,000 are kept"):
        signal_condition(ref, True, actor="ann", comment="c" * 2001)

    assert scene.phase("q") is Phase.PAUSED
    signal_condition(ref, True, actor="ann", comment="c" * 2000)
    assert len(scene.action("q").comment) == 2000
