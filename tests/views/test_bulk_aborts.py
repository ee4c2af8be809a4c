"""The JSON endpoints of bulk aborts."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from runs.domain.phases import Phase
from runs.models import Abort, Action
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/v2/domain/development/project/flytesnacks/runs/run1/aborts"


def post(client: Client | None = None, url: str = URL, **body: Any):
    return (client or Client()).post(url, body, content_type="application/json")


def test_a_selection_is_aborted_and_counted():
    run = factories.make_run("2x3")
    factories.make_action(run, "q", parent=run.actions.get(name="a0-1"), phase=Phase.QUEUED)

    answer = post(names=["a0-0-1", "a0-1"], reason=" too slow ")

    assert answer.status_code == 200
    assert answer.json() == {"targets": 2, "reached": 6, "stopped": 1, "already_asked": 0, "finished": 0}
    assert {(one.reason, one.actor) for one in Abort.objects.all()} == {
        ("too slow", "someone at the dashboard")
    }


def test_a_phase_and_a_group_are_aborted():
    factories.make_run("2x3")
    Action.objects.filter(name="a0-0-0").update(group="trials")

    assert post(group="trials").json()["reached"] == 1
    assert post(phase="running").json() == {
        "targets": 2, "reached": 7, "stopped": 0, "already_asked": 1, "finished": 0,
    }  # fmt: skip


def test_what_is_beside_an_action_is_aborted_without_it():
    run = factories.make_run("2x3")
    factories.change(run.actions.get(name="a0-0-1"), phase=Phase.FAILED, ended_at=timezone.now())

    preview = Client().get(f"{URL}/preview?beside=a0-0-1").json()
    assert preview == {"running": 2, "waiting": 0, "finished": 0, "already_asked": 0}
    assert post(beside="a0-0-1").json() == {
        "targets": 2, "reached": 2, "stopped": 0, "already_asked": 0, "finished": 0,
    }  # fmt: skip
    asked = set(Action.objects.filter(abort__isnull=False).values_list("name", flat=True))
    assert asked == {"a0-0-0", "a0-0-2"}
    assert post(beside="a0").json()["targets"] == 0
    assert "no action 'zz'" in Client().get(f"{URL}/preview?beside=zz").json()["message"]


def test_the_form_names_what_is_beside_and_the_panel_offers_it():
    run = factories.make_run("1x3")
    factories.change(run.actions.get(name="a0-0-1"), phase=Phase.FAILED, ended_at=timezone.now())
    page = URL.removesuffix("/aborts")

    form = Client().get(f"{page}/abort?beside=a0-0-1").content.decode()
    assert "Abort everything beside step_1 <code>a0-0-1</code> under step_0 <code>a0-0</code>?" in form
    assert '<input type="hidden" name="beside" value="a0-0-1">' in form
    panel = Client().get(f"{page}/actions/a0-0-1").content.decode()
    assert '<b class="num">2</b> beside it still live.' in panel
    assert "beside" not in Client().get(f"{page}/actions/a0-0-0").content.decode()
    Client().post(f"{page}/abort", {"beside": "a0-0-1"})
    assert Client().get(f"{page}/actions/a0-0-1/beside").content.decode().strip() == ""


@pytest.mark.parametrize("query", ["name=a0-0&name=a0-1-0", "phase=running", "group=trials"])
def test_the_preview_counts_and_changes_nothing(query: str):
    factories.make_run("2x3")
    Action.objects.filter(name__in=["a0-0", "a0-1-0"]).update(group="trials")

    answer = Client().get(f"{URL}/preview?{query}")

    running = 8 if query.startswith("phase") else 5
    assert answer.json() == {"running": running, "waiting": 0, "finished": 0, "already_asked": 0}
    assert not Abort.objects.exists()


def test_who_asks_is_the_user_or_what_the_tool_says():
    factories.make_run("2")
    ann = Client(headers={"x-flyteui-actor": "somebody"})
    ann.force_login(User.objects.create_user("ann"))

    post(ann, names=["a0-0"])
    post(Client(headers={"x-flyteui-actor": "nightly"}), names=["a0-1"])

    assert list(Abort.objects.order_by("pk").values_list("actor", flat=True)) == ["ann", "nightly"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"names": ["nope"]}, 404, "no action 'nope'"),
        ({"group": "nope"}, 404, "no group 'nope'"),
        ({}, 400, "exactly one of"),
        ({"names": ["a0"], "phase": "running"}, 400, "exactly one of"),
        ({"phase": "failed"}, 400, "the phases are queued"),
        ({"names": "a0"}, 400, "names must be a list"),
        ({"names": [1]}, 400, "names must be a list"),
        ({"names": ["a0"], "force": True}, 400, "not force"),
        ({"names": ["a0"], "reason": "x" * 2001}, 400, "2001 characters"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changes(body: dict[str, Any], status: int, words: str):
    factories.make_run("2")

    answer = post(**body)

    assert (answer.status_code, words in answer.json()["message"]) == (status, True)
    assert not Abort.objects.exists()


@pytest.mark.parametrize("body", ["not json", "[]", "\xff"])
def test_a_body_that_is_no_object_is_refused(body: str):
    factories.make_run()

    answer = Client().post(URL, body.encode("latin-1"), content_type="application/json")

    assert answer.status_code == 400
    assert "body" in answer.json()["message"]


def test_an_unknown_run_or_selection_is_not_found_in_the_preview():
    factories.make_run()

    assert Client().get(f"{URL.replace('run1', 'run2')}/preview?phase=running").status_code == 404
    assert post(url=URL.replace("run1", "run2"), phase="running").status_code == 404
    assert Client().get(f"{URL}/preview?name=nope").json() == {"message": "run run1 has no action 'nope'"}
    assert Client().get(f"{URL}/preview").status_code == 400


def test_a_post_needs_the_token_that_the_preview_gives():
    factories.make_run("1")
    client = Client(enforce_csrf_checks=True)

    refused = post(client, phase="running")
    token = client.get(f"{URL}/preview?phase=running").cookies["csrftoken"].value
    client.defaults["HTTP_X_CSRFTOKEN"] = token
    answer = post(client, phase="running")

    assert refused.status_code == 403
    assert answer.json()["reached"] == 1
