"""Tries of an action as parts of its bar."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from runs.domain.phases import Phase
from runs.models import Action, Attempt, Run
from runs.queries.attempts import MAX_SPANS
from runs.queries.runs import get_run
from runs.tree.snapshot import Snapshot
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

BAR = re.compile(r"<i class=([a-z-]+) data-at=(\d+)-(\d*)></i>")


def make_tries(action: Action, *outcomes: str, began: datetime) -> None:
    """One second each, a second apart; the last one, of outcome "", is held."""
    for number, outcome in enumerate(outcomes):
        starts = began + timedelta(seconds=2 * number)
        Attempt.objects.create(
            action=action, number=number + 1, lease_epoch=number + 1, leased_at=starts, started_at=starts,
            outcome=outcome, ended_at=starts + timedelta(seconds=1) if outcome else None,
        )  # fmt: skip
    factories.change(
        action, lease_epoch=len(outcomes), attempt=len(outcomes), created_at=began, started_at=began,
        queued_at=began + timedelta(seconds=2),
    )  # fmt: skip


@pytest.fixture
def run() -> Run:
    return factories.make_run("30", created_at=timezone.now())


def bar(snapshot: Snapshot, name: str) -> list[tuple[str, str, str]]:
    html: str = snapshot.page_from(0, 100).window.rows[name]
    return BAR.findall(html)


def test_a_row_shows_each_try(run: Run):
    action = run.actions.get(name="a0-3")
    snapshot = Snapshot(get_run(factories.ref_of(run)))
    assert [kind for kind, _, _ in bar(snapshot, "a0-3")][-1] == "run"

    make_tries(action, "failed", "lost", "", began=run.created_at)

    assert bar(snapshot, "a0-3") == [
        ("wait", "0", "4000"),
        ("failed", "0", "1000"),
        ("lost", "2000", "3000"),
        ("run", "4000", ""),
    ]


def test_one_lease_that_failed_shows_while_the_action_is_queued_again(run: Run):
    action = run.actions.get(name="a0-3")
    make_tries(action, "failed", began=run.created_at)
    factories.change(action, phase=Phase.QUEUED)

    snapshot = Snapshot(get_run(factories.ref_of(run)))

    assert bar(snapshot, "a0-3") == [("wait", "0", ""), ("failed", "0", "1000")]


def test_a_row_stays_short_however_often_it_was_tried(run: Run):
    action = run.actions.get(name="a0-3")
    make_tries(action, *["lost"] * 40, "", began=run.created_at)

    kinds = [kind for kind, _, _ in bar(Snapshot(get_run(factories.ref_of(run))), "a0-3")]

    assert kinds == ["wait", "earlier", *["lost"] * (MAX_SPANS - 1), "run"]


def test_tries_cost_one_statement_and_none_where_nothing_was_tried_again(run: Run, django_assert_num_queries):
    head = get_run(factories.ref_of(run))
    with django_assert_num_queries(2):
        Snapshot(head).page_from(0, 100)

    for action in run.actions.all():
        make_tries(action, "failed", "interrupted", "", began=run.created_at)

    with django_assert_num_queries(3):
        Snapshot(head).page_from(0, 100)


def test_a_window_of_rows_that_were_tried_again_stays_below_the_budget():
    run = factories.make_run("99", created_at=timezone.now())
    for action in run.actions.all():
        make_tries(action, "failed", "", began=run.created_at)

    seen = Snapshot(get_run(factories.ref_of(run))).page_from(0, 100)

    assert len(seen.window.rows) == 100
    size = sum(map(len, seen.window.rows.values()))
    assert size <= 100_000, f"{size} bytes"
