"""The form with which a person gives a condition its value."""

from __future__ import annotations

import html
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from flyteidl2.core import types_pb2
from flyteidl2.workflow import run_definition_pb2

from runs.domain import conditions
from runs.domain.names import RunRef
from runs.domain.phases import Kind, Phase
from runs.models import Action, ActionEvent, Attempt
from runs.queries import panels
from runs.queries.conditions.evidence import list_evidence
from runs.store import storage
from tests.support import factories, showcase

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
    [({"value": "many"}, 400, "not an integer"), ({}, 400, "The field `value` is missing")],
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


def test_the_dialog_has_the_form_of_the_panel_and_ids_of_its_own(question: Action):
    answer = Client().get(URL, headers=FRAGMENT)
    panel = Client().get(f"{RUN}/actions/q", headers=FRAGMENT)

    text = answer.content.decode()
    assert answer.status_code == 200
    assert f'action="{URL}"' in text
    assert "inputmode=" in text
    assert "data-late" not in text
    assert 'id="dialog-answer-error"' in text
    assert 'id="panel-answer-error"' in panel.content.decode()


def test_a_boolean_is_approved_or_rejected():
    run = factories.make_run()
    showcase.make_condition(run, "ship", "boolean", "Ship <it>?")

    text = Client().get(f"{RUN}/actions/a0-ship/signal", headers=FRAGMENT).content.decode()

    assert "Ship &lt;it&gt;?" in text
    assert re.findall(r'value="(\w+)"[^>]*>(\w+)</button>', text) == [
        ("true", "Approve"),
        ("false", "Reject"),
    ]


def test_a_dialog_that_comes_late_says_who_answered_and_what(question: Action):
    client = Client()
    client.force_login(User.objects.create_user("ann"))
    client.post(URL, {"value": "42"}, headers=FRAGMENT)

    text = Client().get(URL, headers=FRAGMENT).content.decode()

    assert "It was answered meanwhile, by <b>ann</b>: <code>42</code>." in text
    assert "<form" not in text


def test_a_condition_that_was_aborted_waits_no_more(question: Action):
    Client().post(f"{RUN}/abort", {"action": "q"})

    text = Client().get(URL, headers=FRAGMENT).content.decode()

    assert "It waits no more: aborted." in text
    assert "<form" not in text


def test_without_javascript_the_question_is_in_the_panel(question: Action):
    answer = Client().get(URL)

    assert (answer.status_code, answer["Location"]) == (303, f"{RUN}?action=q")


def test_what_is_no_condition_asks_nothing(question: Action):
    answer = Client().get(f"{RUN}/actions/a0/signal", headers=FRAGMENT)

    assert answer.status_code == 404
    assert "is not a condition" in html.unescape(answer.content.decode())


def test_a_comment_is_kept_and_shown_with_the_answer():
    run = factories.make_run()
    asked = showcase.make_condition(run, "ship", "boolean", "Ship it?")
    url = f"{RUN}/actions/a0-ship"

    Client().post(f"{url}/signal", {"value": "false", "comment": "Not <before> Monday"}, headers=FRAGMENT)

    asked.refresh_from_db()
    assert asked.comment == "Not <before> Monday"
    text = Client().get(url, headers=FRAGMENT).content.decode()
    assert "<b>Rejected</b> <code>false</code>" in text
    assert "Not &lt;before&gt; Monday" in text


def test_a_prompt_is_markdown_where_the_task_says_so():
    run = factories.make_run()
    showcase.make_condition(run, "one", "boolean", "**Ship** <it>?", markdown=True)
    showcase.make_condition(run, "other", "boolean", "**Ship** <it>?")

    one, other = (
        Client().get(f"{RUN}/actions/a0-{name}/signal", headers=FRAGMENT).content.decode()
        for name in ("one", "other")
    )

    assert "<strong>Ship</strong> &lt;it&gt;?" in one
    assert "**Ship** &lt;it&gt;?" in other


def test_a_question_leads_to_the_reports_and_outputs_that_there_are():
    run = factories.make_run()
    root = run.actions.get()
    folder = storage.attempt_uri(storage.run_base(RunRef("flytesnacks", "development", "run1")), "a0-eval", 1)
    done = factories.make_action(
        run, "a0-eval", parent=root, phase=Phase.SUCCEEDED, short_name="evaluate", output_uri=folder
    )
    factories.make_action(
        run, "a0-bad", parent=root, phase=Phase.FAILED, short_name="broken", output_uri=folder
    )
    storage.write_bytes(storage.join(folder, "report.html"), b"<p>fine</p>")
    Attempt.objects.create(action=done, number=1, output_uri=folder)
    showcase.make_condition(run, "ship", "boolean", "Ship it?")

    text = Client().get(f"{RUN}/actions/a0-ship/signal", headers=FRAGMENT).content.decode()

    links = re.findall(r'href="([^"]+)"', text)
    assert links == [f"{RUN}?action=a0-eval&amp;tab=report", f"{RUN}?action=a0-eval&amp;tab=outputs"]


def test_what_there_is_to_look_at_takes_three_statements(django_assert_num_queries):
    run = factories.make_run("5")
    showcase.make_condition(run, "ship", "boolean", "Ship it?")
    panel = panels.get_panel(run.pk, "a0-ship")

    with django_assert_num_queries(3):
        assert list_evidence(run.pk, panel) == ()
