"""Aborts of many actions of one run: one transaction, one request a target, and a preview that says the same."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from runs.domain.errors import Invalid, NotFound
from runs.domain.names import ROOT, RunRef
from runs.domain.phases import Phase
from runs.domain.selections import select
from runs.engine import news
from runs.engine.aborts import BulkAnswer, request_aborts
from runs.models import Abort, Action, ActionEvent, Run
from runs.queries.aborts.previews import BulkPreview, preview_aborts
from tests.support import factories
from tests.support.scene import Scene

pytestmark = pytest.mark.django_db


def abort(scene: Scene, *, reason: str = "not needed", actor: str = "ann", **selection: Any) -> BulkAnswer:
    return request_aborts(scene.ref, select(**selection), reason=reason, actor=actor)


def preview(scene: Scene, **selection: Any) -> BulkPreview:
    return preview_aborts(scene.run.pk, scene.ref.name, select(**selection))


@pytest.fixture
def scene() -> Scene:
    """Root > one > (one_a, one_b), two > two_a, three (queued), done (succeeded)."""
    scene = Scene()
    scene.start()
    scene.grow("one", "two", "done")
    scene.grow("one_a", "one_b", parent="one")
    scene.grow("two_a", parent="two")
    scene.queue("three")
    scene.batch(scene.finished("done"))
    return scene


def asked(scene: Scene) -> set[str]:
    return set(scene.run.actions.filter(abort__isnull=False).values_list("name", flat=True))


def put_in_group(scene: Scene, *names: str) -> None:
    Action.objects.filter(run=scene.run, name__in=names).update(group="trials")


def test_each_target_has_its_request_and_reaches_its_subtree(scene: Scene):
    answer = abort(scene, names=["one", "two", "three"], reason="too slow")

    assert answer == BulkAnswer(targets=3, reached=6, stopped=1)
    assert asked(scene) == {"one", "one_a", "one_b", "two", "two_a", "three"}
    assert {name: scene.abort_of(name).target.name for name in ("one_a", "two_a", "three")} == {
        "one_a": "one",
        "two_a": "two",
        "three": "three",
    }
    assert scene.abort_of("two_a").reason == "too slow"
    assert (scene.phase("one"), scene.phase("three")) == (Phase.RUNNING, Phase.ABORTED)


def test_a_selected_action_below_another_one_is_reached_through_it(scene: Scene):
    answer = abort(scene, names=["one_a", "one"])

    assert (answer.targets, answer.reached) == (1, 3)
    assert scene.abort_of("one_a").target.name == "one"


def test_an_unknown_name_changes_nothing(scene: Scene):
    seq = Run.objects.get(pk=scene.run.pk).seq

    with pytest.raises(NotFound, match="no action 'nope'"):
        abort(scene, names=["one", "nope"])

    assert not Abort.objects.exists()
    assert asked(scene) == set()
    assert Run.objects.get(pk=scene.run.pk).seq == seq


def test_repeating_changes_nothing_and_the_first_reason_stays(scene: Scene):
    abort(scene, names=["one", "three"], reason="first")
    before = (Abort.objects.count(), ActionEvent.objects.count())

    answer = abort(scene, names=["one", "three", "done"], reason="second", actor="bob")

    assert answer == BulkAnswer(already_asked=3, finished=2)
    assert before == (Abort.objects.count(), ActionEvent.objects.count())
    assert scene.abort_of("one").reason == "first"


def test_an_action_that_was_asked_before_keeps_its_request_below_a_new_target(scene: Scene):
    scene.abort("one_a", reason="first")

    answer = abort(scene, names=["one"], reason="all of it")

    assert answer == BulkAnswer(targets=1, reached=2, already_asked=1)
    assert scene.abort_of("one_a").reason == "first"
    assert scene.abort_of("one_b").reason == "all of it"


def test_the_root_by_name_is_the_whole_run(scene: Scene):
    answer = abort(scene, names=[ROOT, "two"])

    assert (answer.targets, answer.reached, answer.finished) == (1, 7, 1)
    assert scene.abort_of("two").scope == Abort.Scope.RUN


def test_a_phase_selects_what_is_in_it_but_never_the_root(scene: Scene):
    queued = abort(scene, phase="queued")
    running = abort(scene, phase="running")

    assert (queued.targets, queued.stopped) == (1, 1)
    assert (running.targets, running.reached) == (2, 5)
    assert scene.action(ROOT).abort is None


def test_a_group_is_aborted_with_what_is_below_it(scene: Scene):
    put_in_group(scene, "two", "three")

    answer = abort(scene, group="trials")

    assert answer == BulkAnswer(targets=2, reached=3, stopped=1)
    assert asked(scene) == {"two", "two_a", "three"}


def test_a_group_that_is_not_there_is_not_found_and_a_phase_without_actions_is_nothing(scene: Scene):
    with pytest.raises(NotFound, match="no group 'nope'"):
        abort(scene, group="nope")

    assert abort(scene, phase="paused") == BulkAnswer()


def test_an_unknown_run_is_not_found(scene: Scene):
    run = RunRef(scene.ref.project, scene.ref.domain, "nope")

    with pytest.raises(NotFound, match="nope"):
        request_aborts(run, select(phase="running"), reason="", actor="ann")


def test_a_long_reason_is_refused(scene: Scene):
    with pytest.raises(Invalid, match="2001 characters"):
        abort(scene, names=["one"], reason="x" * 2001)


@pytest.mark.parametrize(
    "selection",
    [
        {},
        {"names": ["one"], "phase": "running"},
        {"phase": "running", "group": "g"},
        {"phase": "succeeded"},
        {"phase": "nonsense"},
        {"names": ["../x"]},
    ],
)
def test_a_selection_that_cannot_be_is_refused(selection: dict[str, Any]):
    with pytest.raises(Invalid):
        select(**selection)


@pytest.mark.parametrize(
    "selection",
    [
        {"names": ["one", "three", "done"]},
        {"names": ["one", "one_a"]},
        {"names": [ROOT]},
        {"phase": "running"},
        {"phase": "queued"},
        {"group": "trials"},
    ],
)
def test_the_preview_says_what_the_abort_then_finds(scene: Scene, selection: dict[str, Any]):
    put_in_group(scene, "two", "three")
    scene.abort("one_b")

    seen = preview(scene, **selection)
    found = abort(scene, **selection)

    assert (seen.running, seen.waiting) == (found.reached - found.stopped, found.stopped)
    assert (seen.finished, seen.already_asked) == (found.finished, found.already_asked)
    assert sum(astuple(seen)) > 0


def test_the_preview_is_two_reads_and_knows_what_is_not_there(scene: Scene, django_assert_num_queries: Any):
    with django_assert_num_queries(2):
        seen = preview(scene, names=["one", "three", "done"])
    with pytest.raises(NotFound, match="nope"):
        preview(scene, names=["nope"])
    with pytest.raises(NotFound, match="nope"):
        preview(scene, group="nope")

    assert seen == BulkPreview(running=3, waiting=1, finished=1, already_asked=0)
    assert not Abort.objects.exists()


def test_an_executor_hears_of_all_in_one_frame(scene: Scene):
    before = Run.objects.get(pk=scene.run.pk).seq

    abort(scene, names=["one", "two", "three"])
    changes = news.get_changes(scene.executor_id, {scene.run.pk: before})

    assert [cancel.key.name for cancel in changes.cancels] == ["one", "two", "one_a", "one_b", "two_a"]
    assert changes.seqs == {scene.run.pk: before + 1}


def test_statements_do_not_grow_with_the_actions():
    few, many = (statements_of_aborting(width) for width in (3, 60))

    assert few == many <= 16


def statements_of_aborting(width: int) -> int:
    run = factories.make_run(f"{width}x2", name=f"run{width}")
    names = [f"a0-{at}" for at in range(width)]
    with CaptureQueriesContext(connection) as statements:
        answer = request_aborts(factories.ref_of(run), select(names=names), reason="not needed", actor="ann")
    assert (answer.targets, answer.reached) == (width, 3 * width)
    return len(statements)
