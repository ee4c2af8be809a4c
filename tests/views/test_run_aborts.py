"""Aborts of several runs from their list."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from runs.domain.phases import Phase
from runs.models import Abort, Action, Run
from runs.queries.aborts import previews
from tests.support import factories
from tests.views.test_executors import words

pytestmark = pytest.mark.django_db(transaction=True)

ABORTS = "/v2/domain/development/project/flytesnacks/aborts"
RUNS = "/v2/domain/development/project/flytesnacks/runs"


@pytest.fixture
def browser() -> Client:
    return Client(headers={"HX-Request": "true", "X-FlyteUI-Actor": "ann"})


@pytest.fixture
def runs() -> list[Run]:
    """One that runs with children in the queue, one that waits, one that has ended."""
    running = factories.make_run("2", name="running")
    Action.objects.filter(run=running, name="a0-1").update(phase=Phase.QUEUED)
    return [
        running,
        factories.make_run(name="waiting", phase=Phase.QUEUED),
        factories.make_run("1", name="over", phase=Phase.SUCCEEDED),
    ]


def test_runs_can_be_picked_and_those_that_live_are_marked(runs: list[Run]):
    html = Client().get(RUNS).content.decode()

    assert {
        name: " data-live" in box
        for name, box in re.findall(r'<input [^>]*name="name" value="(\w+)"([^>]*)>', html)
    } == {"running": True, "waiting": True, "over": False}
    assert f'<abort-dialog data-url="{ABORTS}" data-runs>' in html


def test_the_preview_counts_runs_and_actions(browser: Client, runs: list[Run], django_assert_num_queries):
    with django_assert_num_queries(3):
        previews.preview_runs("flytesnacks", "development", ["running", "waiting", "over"])

    text = words(browser.get(ABORTS, {"names": "running waiting over"}).content.decode())

    assert "Abort 3 runs?" in text
    assert "1 of them has ended already" in text
    assert "2 running: cancelled" in text
    assert "2 waiting: will not start" in text
    assert "2 finished: stay as they are" in text
    assert "Abort 2 runs" in text


def test_each_run_is_aborted_and_what_was_found_is_counted(browser: Client, runs: list[Run]):
    answer = browser.post(ABORTS, {"names": "running waiting over gone", "reason": "wrong data"})

    assert answer.status_code == 200
    assert 'data-outcome="requested"' in answer.content.decode()
    said = words(answer.content.decode())
    assert "Aborting 2 runs with 4 actions, 2 stopped at once; 1 had ended already; 1 does not exist." in said
    assert set(Abort.objects.values_list("run__name", "scope", "actor", "reason")) == {
        ("running", "run", "ann", "wrong data"),
        ("waiting", "run", "ann", "wrong data"),
    }
    assert Action.objects.get(run__name="waiting").phase == Phase.ABORTED
    assert Action.objects.get(run__name="running", name="a0").phase == Phase.RUNNING


def test_asking_again_changes_nothing(browser: Client, runs: list[Run]):
    browser.post(ABORTS, {"names": "running", "reason": "first"})

    said = words(browser.post(ABORTS, {"names": "running", "reason": "second"}).content.decode())

    assert "Nothing to abort; 1 was being aborted already." in said
    assert Abort.objects.get().reason == "first"


@pytest.mark.parametrize(
    ("said", "status", "message"),
    [
        ({}, 400, "Select at least one run"),
        ({"names": "Bad_Name"}, 400, "must be lower-case letters"),
        (
            {"names": " ".join(f"r{number}" for number in range(501))},
            400,
            "at most 500 are taken in one step",
        ),
        ({"names": "running", "reason": "x" * 2001}, 400, "at most 2000 are kept"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    browser: Client, runs: list[Run], said: dict[str, str], status: int, message: str
):
    answer = browser.post(ABORTS, said)

    assert answer.status_code == status
    assert message in answer.content.decode().replace("&#x27;", "'")
    assert not Abort.objects.exists()


def test_a_preview_names_what_is_not_there(browser: Client, runs: list[Run]):
    answer = browser.get(ABORTS, {"names": "running gone"})

    assert answer.status_code == 404
    assert "There is no run gone" in answer.content.decode()


def test_it_needs_a_token(runs: list[Run]):
    assert Client(enforce_csrf_checks=True).post(ABORTS, {"names": "running"}).status_code == 403
    assert not Abort.objects.exists()


def test_it_works_without_a_script(runs: list[Run]):
    client = Client()

    form = client.get(ABORTS, {"name": ["running", "waiting"]}).content.decode()
    answer = client.post(ABORTS, {"names": "running waiting"}).content.decode()

    assert 'class="bar"' in form
    assert 'name="names" value="running waiting"' in form
    assert "Aborting 2 runs" in words(answer)
    assert f'<a href="{RUNS}">Back to the runs</a>' in answer


def test_a_run_may_be_called_aborts(runs: list[Run]):
    factories.make_run(name="aborts")

    assert Client().get(f"{RUNS}/aborts").status_code == 200
