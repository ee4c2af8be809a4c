"""The reason that an abort lacks: who has aborted can give it, once, also when the action has stopped."""

from __future__ import annotations

import pytest

from runs.domain.errors import Conflict, Invalid, NotFound
from runs.domain.names import ROOT, ActionRef
from runs.domain.phases import Cause, Phase
from runs.engine import news
from runs.engine.aborts import MAX_REASON, add_reason
from runs.models import Abort, ActionEvent, Run
from tests.support.scene import Scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene() -> Scene:
    """Root > one > one_a, two; ann has aborted `one` without a reason."""
    scene = Scene()
    scene.start()
    scene.grow("one", "two")
    scene.grow("one_a", parent="one")
    scene.abort("one", reason="", actor="ann")
    return scene


def add(scene: Scene, name: str = "one", reason: str = "too slow", actor: str = "ann") -> None:
    add_reason(ActionRef(scene.ref, name), reason=reason, actor=actor)


def test_an_abort_without_a_reason_has_none(scene: Scene):
    assert scene.abort_of("one").reason == ""


def test_law_10_a_reason_is_added_once_and_stays(scene: Scene):
    add(scene)

    with pytest.raises(Conflict, match="it stays: too slow"):
        add(scene, reason="something else")
    assert scene.abort_of("one").reason == "too slow"
    assert scene.abort_of("one_a").reason == "too slow"
    event = ActionEvent.objects.get(cause=Cause.REASON_ADDED)
    assert (event.action.name, event.actor, event.from_phase) == ("one", "ann", event.to_phase)


def test_law_10_nobody_else_gives_the_reason_and_none_is_replaced(scene: Scene):
    with pytest.raises(Conflict, match="ann has aborted"):
        add(scene, actor="bob")
    scene.abort("two", reason="wrong data", actor="ann")
    with pytest.raises(Conflict, match="wrong data"):
        add(scene, "two")

    assert set(Abort.objects.values_list("reason", flat=True)) == {"", "wrong data"}
    assert not ActionEvent.objects.filter(cause=Cause.REASON_ADDED).exists()


@pytest.mark.parametrize(
    ("name", "reason", "error"),
    [
        ("two", "too slow", Conflict), ("none", "too slow", NotFound), ("one", "", Invalid),
        ("one", "x" * (MAX_REASON + 1), Invalid),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_and_changes_nothing(
    scene: Scene, name: str, reason: str, error: type[Exception]
):
    seq = Run.objects.get().seq

    with pytest.raises(error):
        add(scene, name, reason)

    assert Run.objects.get().seq == seq
    assert scene.abort_of("one").reason == ""


def test_what_code_has_stopped_gets_no_reason(scene: Scene):
    scene.batch(scene.finished(ROOT))

    assert scene.abort_of("two").cause == Cause.ROOT_ENDED
    with pytest.raises(Conflict, match="nobody has aborted action two"):
        add(scene, "two")


def test_pages_read_all_that_it_reached_again_and_nothing_else_changes(scene: Scene):
    scene.batch(scene.finished("one_a", "cancelled"), scene.finished("one", "cancelled"))
    assert scene.phase("one") is Phase.ABORTED
    before = {one.name: one.changed_seq for one in scene.run.actions.all()}

    add(scene)

    after = {one.name: one.changed_seq for one in scene.run.actions.all()}
    assert {name for name, seq in after.items() if seq != before[name]} == {"one", "one_a"}
    assert set(after.values()) - set(before.values()) == {Run.objects.get().seq}
    assert scene.phase("one") is Phase.ABORTED


def test_an_executor_that_has_not_heard_of_the_abort_hears_of_the_reason(scene: Scene):
    add(scene)

    cancels = news.get_changes(scene.executor_id, {scene.run.pk: -1}).cancels
    assert {(one.key.name, one.note.reason) for one in cancels} == {
        ("one", "too slow"),
        ("one_a", "too slow"),
    }
