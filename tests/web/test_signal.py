"""The form with which a person gives a condition its value."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from flyteidl2.core import types_pb2
from flyteidl2.workflow import run_definition_pb2

from runs import conditions
from runs.models import Action, ActionEvent
from runs.phases import Kind, Phase
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

RUN = "/v2/domain/development/project/flytesnacks/runs/run1"
URL = f"{RUN}/actions/q/signal"
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def question() -> Action:
    run = factories.make_run()
    asked = run_definition_pb2.ConditionAction(name="size?")
    asked.type.simple = types_pb2.INTEGER
    return factories.make_action(
        run, "q", parent=run.actions.get(), kind=Kind.CONDITION, phase=Phase.PAUSED,
        detail=asked.SerializeToString(),
    )  # fmt: skip


def test_a_script_gets_no_content_and_the_value_is_kept(question: Action):
    client = Client()
    client.force_login(User.objects.create_user("ann"))

    answer = client.post(URL, {"value": " 42 "}, headers=FRAGMENT)

    question.refresh_from_db()
    assert (answer.status_code, answer.content) == (204, b"")
    assert (question.phase, bytes(question.value)) == (Phase.SUCCEEDED, conditions.to_bytes(42))
    assert ActionEvent.objects.get(action=question).actor == "ann"


def test_without_javascript_the_answer_leads_back_to_the_action(question: Action):
    answer = Client().post(URL, {"value": "42"})

    assert (answer.status_code, answer["Location"]) == (303, f"{RUN}?action=q")


@pytest.mark.parametrize(
    ("fields", "status", "says"),
    [({"value": "many"}, 400, "not an integer"), ({}, 400, "the field `value` is missing")],
)
def test_what_is_no_value_is_refused_with_a_reason(question: Action, fields, status, says):
    answer = Client().post(URL, fields, headers=FRAGMENT)

    assert answer.status_code == status
    assert says in answer.content.decode()
    question.refresh_from_db()
    assert question.phase == Phase.PAUSED


def test_a_second_value_is_a_conflict_and_an_unknown_action_is_not_found(question: Action):
    Client().post(URL, {"value": "1"})

    assert Client().post(URL, {"value": "2"}, headers=FRAGMENT).status_code == 409
    assert Client().post(f"{RUN}/actions/none/signal", {"value": "2"}).status_code == 404


def test_a_post_without_its_token_is_refused(question: Action):
    assert Client(enforce_csrf_checks=True).post(URL, {"value": "1"}).status_code == 403
    question.refresh_from_db()
    assert question.phase == Phase.PAUSED


def test_a_get_is_not_allowed(question: Action):
    assert Client().get(URL).status_code == 405
