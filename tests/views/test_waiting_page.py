"""The page of what waits for an answer: whose conditions are on it, what they say, and what it costs; and the count in the bar."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from runs.domain.phases import Phase
from runs.domain.roles import Role, Subject, Way
from runs.models import Action, Run
from runs.queries.conditions import waiting
from runs.queries.conditions.waiting import count_waiting, list_waiting
from runs.queries.run_list import list_runs
from runs.queries.runs import get_run_by_id
from runs.tree.first_paint import read_first_paint
from runs.tree.snapshot import Snapshot
from tests.support import factories, showcase

pytestmark = pytest.mark.django_db(transaction=True)

EVERYBODY = Subject("root", "root", Way.PAGE, everywhere=Role.ADMIN)
BADGE = re.compile(r'data-waiting="(\d+)"( hidden)?>([^<]*)<')


def ask(run: Run, name: str = "ship", prompt: str = "Ship it?", **fields: Any) -> Action:
    return showcase.make_condition(run, name, "boolean", prompt, **fields)


def badge(html: str) -> tuple[str, bool, str]:
    number, hidden, text = BADGE.findall(html)[0]
    return number, bool(hidden), text


def test_it_has_the_conditions_of_all_runs_that_wait_those_asked_first_on_top():
    one = factories.make_run(name="one")
    other = factories.make_run(name="other", project="elsewhere", domain="production", created_by="carol")
    ask(other, "second", "Which <rate>?", created_at=timezone.now() - timedelta(minutes=1))
    ask(one, "first", "**Go**?", markdown=True, created_at=timezone.now() - timedelta(minutes=2))
    ask(one, "done", phase=Phase.SUCCEEDED)

    html = Client().get("/waiting/").content.decode()

    assert re.findall(r'data-answer="([\w-]+)" data-run="([^"]+)"', html) == [
        ("a0-first", "/v2/domain/development/project/flytesnacks/runs/one"),
        ("a0-second", "/v2/domain/production/project/elsewhere/runs/other"),
    ]
    assert "Go?" in html
    assert "Which &lt;rate&gt;?" in html
    assert "started by carol" in html
    assert badge(html) == ("2", False, "2")


def test_nothing_waits():
    html = Client().get("/waiting/").content.decode()

    assert "Nothing waits for you" in html
    assert badge(html) == ("0", True, "0")


def test_one_sees_what_waits_where_one_may_look_and_answers_where_one_may():
    ask(factories.make_run(name="mine"))
    ask(factories.make_run(name="seen", project="seen"))
    ask(factories.make_run(name="hidden", project="hidden"))
    subject = Subject("ann", "Ann", Way.PAGE, projects={"flytesnacks": Role.OPERATOR, "seen": Role.VIEWER})

    page = list_waiting(subject)

    assert [(row.ref.run.name, row.may_answer) for row in page.rows] == [("mine", True), ("seen", False)]
    assert count_waiting({"flytesnacks", "seen"}) == 2
    assert count_waiting(None) == 3
    assert list_waiting(Subject("nobody", "Nobody", Way.PAGE)).total == 0


def test_what_is_aborted_or_deleted_waits_no_more():
    ask(factories.make_run())
    ask(factories.make_run(name="deleted", domain=""))
    assert count_waiting(None) == 1

    Client().post("/v2/domain/development/project/flytesnacks/runs/run1/abort", {"action": "a0-ship"})

    assert count_waiting(None) == 0
    assert list_waiting(EVERYBODY).rows == ()


def test_a_long_list_says_how_many_more_there_are(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(waiting, "MOST", 2)
    run = factories.make_run()
    for number in range(5):
        ask(run, f"q{number}")

    assert "3 more wait" in Client().get("/waiting/").content.decode()


def test_counting_is_one_statement_on_an_index_of_what_waits(django_assert_num_queries):
    ask(factories.make_run("50"))

    with django_assert_num_queries(1) as counting:
        count_waiting({"flytesnacks"})
    with django_assert_num_queries(2) as listing:
        list_waiting(EVERYBODY)

    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for asked in (counting[0], listing[0]):
                cursor.execute(f"EXPLAIN QUERY PLAN {asked['sql']}")
                assert "action_paused" in str(cursor.fetchall()[0])


def test_list_and_header_say_that_a_run_needs_an_answer():
    run = factories.make_run()
    ask(run, prompt="Ship <it>?")
    ask(run, "rate")
    path = "/v2/domain/development/project/flytesnacks/runs"

    (row,) = list_runs("flytesnacks", "development", now=timezone.now()).rows
    page = Client().get(f"{path}/run1").content.decode()

    assert (row.status, row.status_label) == ("paused", "Needs an answer")
    assert "<title>Needs an answer · main · run1</title>" in page
    assert 'data-status="paused"' in page
    header = page[page.index('id="run-header"') : page.index('class="run-actions"')]
    assert 'data-answer="a0-ship"' in header
    assert "Ship &lt;it&gt;?" in header
    assert "and 1 more" in header


def test_a_run_that_is_being_aborted_needs_no_answer():
    run = factories.make_run()
    ask(run)
    root = run.actions.get(name="a0")
    factories.change(root, abort=factories.make_abort(root))

    (row,) = list_runs("flytesnacks", "development", now=timezone.now()).rows

    assert row.status == "aborting"
    assert (
        "data-answer"
        not in Client()
        .get("/v2/domain/development/project/flytesnacks/runs/run1")
        .content.decode()
        .split("run-actions")[0]
    )


def test_a_long_run_says_it_on_its_first_paint_as_later():
    run = factories.make_run("3")
    ask(run)
    head = get_run_by_id(run.pk)

    first = read_first_paint(head, fewest=0)

    assert first is not None
    _, later = Snapshot(head).summarise()
    assert first.summary == later
    assert later.status_label == "Needs an answer"


def test_answering_takes_it_off_the_snapshot():
    run = factories.make_run()
    asked = ask(run)
    snapshot = Snapshot(get_run_by_id(run.pk))
    assert snapshot.summarise()[1].asking == 1

    factories.change(asked, phase=Phase.SUCCEEDED, ended_at=timezone.now())

    _, summary = snapshot.summarise()
    assert (summary.asks, summary.asking, summary.status) == (None, 0, "running")


def test_an_error_that_is_no_affair_of_the_database_has_the_bar():
    answer = Client().post("/v2/domain/development/project/flytesnacks/runs/none/actions/q/signal", {})

    assert answer.status_code == 400
    assert 'data-waiting="0"' in answer.content.decode()
