"""What a run is said to have come to, for whoever watches it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from runs.domain.phases import Phase
from runs.queries.runs import get_run_by_id, get_state
from tests.support import factories, showcase

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/v2/domain/development/project/flytesnacks/runs/run1/state"


def test_a_run_that_goes_on_asks_and_fails():
    run = factories.make_run()
    root = run.actions.get()
    assert Client().get(URL).json() == {
        "status": "running", "label": "Running", "task": "main", "error": "", "isOver": False,
    }  # fmt: skip

    showcase.make_condition(run, "ship", "boolean", "Ship it?")
    asks = Client().get(URL).json()
    assert (asks["status"], asks["label"], asks["isOver"]) == ("paused", "Needs an answer", False)

    factories.change(
        root,
        phase=Phase.FAILED,
        ended_at=timezone.now(),
        error_code="ValueError",
        error_message="no <prices>",
    )
    answer = Client().get(URL)
    assert answer.json() == {
        "status": "failed", "label": "Failed", "task": "main", "error": "ValueError: no <prices>", "isOver": True,
    }  # fmt: skip
    assert answer["Content-Type"] == "application/json"


def test_a_run_that_is_being_aborted_asks_nothing_and_one_that_is_gone_is_not_found():
    run = factories.make_run()
    showcase.make_condition(run, "ship", "boolean", "Ship it?")
    factories.change(run.actions.get(name="a0"), abort=factories.make_abort(run.actions.get(name="a0")))

    assert Client().get(URL).json()["status"] == "aborting"
    assert Client().get(URL.replace("run1", "none")).status_code == 404


def test_it_is_two_statements(django_assert_num_queries):
    head = get_run_by_id(factories.make_run("20").pk)

    with django_assert_num_queries(2):
        get_state(head)
