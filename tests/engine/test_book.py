"""The book of a run: every move of the phase table, against the database; constraints; counted statements."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from runs.domain.errors import ForbiddenTransition, StaleTransition
from runs.domain.names import ROOT
from runs.domain.phases import ALLOWED, TERMINAL, Cause, Phase
from runs.domain.retries import Ending, How
from runs.engine.book.book import open_run
from runs.engine.endings import end_attempt
from runs.models import Action, ActionEvent, Attempt
from tests.support.scene import Scene

pytestmark = pytest.mark.django_db


def put(scene: Scene, phase: Phase) -> None:
    """Force a row into a phase, as no code of the product may."""
    scene.abort_of(ROOT) if scene.action().abort else scene.abort(ROOT)
    ended = timezone.now() if phase in TERMINAL else None
    Action.objects.filter(run=scene.run).update(phase=phase, ended_at=ended)


@pytest.mark.parametrize(("current", "to"), list(product(Phase, Phase)))
def test_the_book_allows_exactly_the_moves_of_the_table(current, to):
    scene = Scene()
    put(scene, current)
    events = ActionEvent.objects.count()

    def move() -> None:
        with open_run(scene.run.pk) as book:
            book.move(book.get(ROOT), to, cause=Cause.FINISHED, at=timezone.now())

    if to in ALLOWED[current]:
        move()
        action = scene.action()
        assert Phase(action.phase) is to
        assert (action.ended_at is not None) == (to in TERMINAL)
        assert ActionEvent.objects.count() == events + 1
    else:
        with pytest.raises(StaleTransition if current in TERMINAL else ForbiddenTransition):
            move()
        assert scene.phase() is current
        assert ActionEvent.objects.count() == events


@pytest.mark.parametrize("how", [How.SUCCEEDED, How.FAILED])
def test_no_end_is_before_its_start_when_the_clock_was_set_back_by_an_hour(how):
    """The server's own clock never goes back; but it starts anew with the server."""
    scene = Scene()
    scene.start()
    later = timezone.now() + timedelta(hours=1)
    Action.objects.filter(run=scene.run).update(started_at=later)
    Attempt.objects.filter(action__run=scene.run).update(started_at=later)

    with open_run(scene.run.pk) as book:
        end_attempt(book, book.get(ROOT), Ending(how), at=timezone.now())

    action = scene.action()
    assert action.started_at == action.ended_at == later
    assert {attempt.ended_at for attempt in action.attempts.all()} == {later}


@pytest.mark.parametrize(
    "wrong",
    [
        {"phase": 77},
        {"phase": Phase.SUCCEEDED},
        {"ended_at": timezone.now()},
        {"attempt": 0},
        {"phase": Phase.ABORTED, "ended_at": timezone.now()},
    ],
)
def test_the_database_refuses_what_the_code_must_not_write(wrong):
    scene = Scene()

    with pytest.raises(IntegrityError), transaction.atomic():
        Action.objects.filter(run=scene.run).update(**wrong)


def test_each_transaction_takes_a_seq_and_stamps_what_it_changed():
    scene = Scene()
    scene.start()
    before = scene.action().changed_seq

    scene.grow("child")

    scene.run.refresh_from_db()
    assert scene.action("child").changed_seq == scene.run.seq > before
    assert scene.action().changed_seq == before


@pytest.mark.parametrize("size", [10, 300])
def test_a_batch_takes_a_number_of_statements_that_does_not_grow_with_its_events(
    size, django_assert_max_num_queries
):
    scene = Scene()
    scene.start()
    names = [f"c{number}" for number in range(size)]
    asked = [scene.enqueue(name) for name in names]
    scene.batch(scene.enqueue("warm-up"))

    # SQLite takes 999 parameters a statement, so inserts of wide rows come in several statements.
    with django_assert_max_num_queries(30 + size // 15):
        scene.batch(*asked)
    events = [scene.started(name) for name in names]
    with django_assert_max_num_queries(20 + size // 40):
        scene.batch(*events)
    ends = [scene.finished(name) for name in names]
    with django_assert_max_num_queries(20 + size // 40):
        scene.batch(*ends)


def test_the_page_of_states_is_fresh():
    call_command("states", "--check")
