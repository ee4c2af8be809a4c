from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from runs.models import Abort, Action
from runs.phases import Phase
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/v2/domain/development/project/flytesnacks/runs/run1/abort"
FRAGMENT = {"HX-Request": "true"}


def post(client: Client | None = None, **fields: str):
    return (client or Client(headers=FRAGMENT)).post(URL, fields, headers=FRAGMENT)


def test_the_form_says_what_would_stop():
    run = factories.make_run("2x3")
    factories.make_action(run, "q", parent=run.actions.get(name="a0-0"), phase=Phase.QUEUED)

    text = " ".join(Client(headers=FRAGMENT).get(f"{URL}?action=a0-0").content.decode().split())

    assert '<b class="num">4</b> running' in text
    assert '<b class="num">1</b> waiting' in text
    assert "csrfmiddlewaretoken" in text


def test_an_abort_is_asked_with_its_reason():
    factories.make_run("1")

    answer = post(action="a0-0", reason=" too slow ")

    assert answer.status_code == 200
    assert 'data-outcome="requested"' in answer.content.decode()
    abort = Abort.objects.get()
    assert (abort.actor, abort.reason, abort.target.name) == ("someone at the dashboard", "too slow", "a0-0")


def test_without_an_action_the_whole_run_is_asked_to_stop():
    factories.make_run("1")

    post(action="", reason="")

    assert Abort.objects.get().scope == Abort.Scope.RUN
    assert Action.objects.filter(abort__isnull=False).count() == 2


def test_who_is_logged_in_is_the_actor():
    factories.make_run()
    client = Client()
    client.force_login(User.objects.create_user("ann"))

    post(client, action="a0")

    assert Abort.objects.get().actor == "ann"


def test_a_second_abort_says_who_asked_first():
    factories.make_run("1")
    post(action="a0-0", reason="first")

    answer = post(action="a0-0", reason="second")

    assert answer.status_code == 200
    assert 'data-outcome="already_requested"' in answer.content.decode()
    assert "first" in answer.content.decode()
    assert Abort.objects.count() == 1


def test_force_stops_what_was_asked_before():
    factories.make_run("1")
    post(action="a0-0", reason="first")

    answer = post(action="a0-0", reason="second", force="1")

    assert answer.status_code == 200
    assert 'data-outcome="forced"' in answer.content.decode()
    assert Action.objects.get(name="a0-0").forced_at is not None
    assert Abort.objects.get().reason == "first"


def test_an_ended_action_answers_conflict_and_nothing_changes():
    factories.make_run(phase=Phase.SUCCEEDED)

    answer = post(action="a0")

    assert answer.status_code == 409
    assert "succeeded already" in answer.content.decode()
    assert not Abort.objects.exists()


def test_an_unknown_action_is_not_found_and_a_long_reason_is_refused():
    factories.make_run()

    assert post(action="none").status_code == 404
    assert post(action="a0", reason="x" * 2001).status_code == 400


def test_a_post_without_its_token_is_refused():
    factories.make_run()

    answer = Client(enforce_csrf_checks=True).post(URL, {"action": "a0"})

    assert answer.status_code == 403
    assert not Abort.objects.exists()


def test_without_javascript_the_form_is_a_page():
    factories.make_run()

    assert "<html" in Client().get(URL).content.decode()
    assert "<html" in Client().post(URL, {"action": "a0"}).content.decode()
