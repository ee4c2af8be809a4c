from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from runs.domain.phases import Phase
from runs.models import Abort, Action
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/v2/domain/development/project/flytesnacks/runs/run1/abort"
FRAGMENT = {"HX-Request": "true"}


def post(client: Client | None = None, **fields: str):
    return (client or Client()).post(URL, fields, headers=FRAGMENT)


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


def test_an_answer_names_what_is_aborted_and_how_much_is_below():
    run = factories.make_run("2x3")
    factories.make_action(run, "q", parent=run.actions.get(name="a0-0"), phase=Phase.QUEUED)
    factories.make_action(run, "queued", parent=run.actions.get(name="a0"), phase=Phase.QUEUED)

    assert "Aborted action queued" in words(post(action="queued"))
    assert "Aborting action a0-0-1" in words(post(action="a0-0-1", reason="x"))
    assert "Aborting action a0-0 and 3 below it, 1 of which stopped at once" in words(post(action="a0-0"))
    assert "Aborting the run run1 and 4 below it" in words(post())


def add_reason(**fields: str):
    return Client(headers=FRAGMENT).post(f"{URL}/reason", fields)


def test_a_reason_is_added_once_by_who_has_aborted():
    factories.make_run("1")
    assert "data-without-reason" in post(action="a0-0").content.decode()

    assert add_reason(action="a0-0", reason=" too slow ").status_code == 204

    assert Abort.objects.get().reason == "too slow"
    late = add_reason(action="a0-0", reason="other")
    assert late.status_code == 409
    assert "it stays: too slow" in late.content.decode()
    assert "data-without-reason" not in post(action="a0", reason="given").content.decode()


def test_a_reason_that_cannot_be_added_is_refused():
    factories.make_run("1")
    Client().post(URL, {"action": "a0-0"}, headers={"x-flyteui-actor": "ann"})

    assert add_reason(action="a0-0", reason="mine").status_code == 409
    assert add_reason(action="a0", reason="not aborted").status_code == 409
    assert add_reason(action="none", reason="x").status_code == 404
    assert add_reason(action="a0-0", reason=" ").status_code == 400
    assert Client().get(f"{URL}/reason").status_code == 405
    assert Abort.objects.get().reason == ""
    answer = Client().post(
        f"{URL}/reason", {"action": "a0-0", "reason": "x"}, headers={"x-flyteui-actor": "ann"}
    )
    assert answer["Location"].endswith("/runs/run1?action=a0-0")


def words(answer: HttpResponse) -> str:
    return " ".join(re.sub(r"<[^>]*>", "", answer.content.decode()).split())


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


def form(**query: str) -> str:
    answer = Client(headers=FRAGMENT).get(URL, query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_form_counts_what_stays_and_what_was_asked_before():
    run = factories.make_run("2x3")
    factories.make_action(run, "done", parent=run.actions.get(name="a0-0"), phase=Phase.SUCCEEDED)
    post(action="a0-0-1")

    text = form(action="a0-0")

    assert '<b class="num">3</b> running' in text
    assert '<b class="num">1</b> finished: stays as it is' in text
    assert '<b class="num">1</b> being aborted already' in text


def test_the_form_is_for_names_a_phase_or_a_group_too():
    run = factories.make_run("2x3")
    factories.make_action(run, "q", parent=run.actions.get(name="a0-0"), phase=Phase.QUEUED, group="<g>")

    names, phase, group = form(names="a0-0-0 a0-1"), form(phase="running"), form(group="<g>")

    assert "Abort 2 selected actions?" in names
    assert 'name="names" value="a0-0-0 a0-1"' in names
    assert '<b class="num">5</b> running' in names
    assert "Abort everything that is running?" in phase
    assert 'name="phase" value="running"' in phase
    assert "Abort the group &lt;g&gt;?" in group
    assert '<b class="num">1</b> waiting: will not start' in group


def test_a_selection_with_nothing_left_to_stop_cannot_be_asked():
    run = factories.make_run()
    factories.make_action(run, "x", parent=run.actions.get(), phase=Phase.SUCCEEDED)

    text = form(names="x")

    assert "Nothing to abort" in text
    assert 'aria-keyshortcuts="Meta+Enter Control+Enter" disabled' in text


def test_a_selection_is_asked_and_the_answer_counts():
    run = factories.make_run("2x3")
    root = run.actions.get(name="a0")
    factories.make_action(run, "q", parent=root, phase=Phase.QUEUED)
    factories.make_action(run, "done", parent=root, phase=Phase.SUCCEEDED)
    post(action="a0-0-1")

    answer = post(names="a0-0-0 a0-0-1 q done", reason="too slow")

    text = re.sub(r"<[^>]*>", "", " ".join(answer.content.decode().split()))
    assert 'data-outcome="requested"' in answer.content.decode()
    assert "Aborting 2 actions, 1 stopped at once; 1 had ended already; 1 was being aborted already." in text
    assert set(Abort.objects.filter(reason="too slow").values_list("target__name", flat=True)) == {
        "a0-0-0", "q",
    }  # fmt: skip


def test_a_selection_that_had_ended_says_so():
    run = factories.make_run()
    factories.make_action(run, "done", parent=run.actions.get(), phase=Phase.SUCCEEDED)

    answer = post(names="done")

    assert 'data-outcome="nothing"' in answer.content.decode()
    assert "Nothing to abort" in answer.content.decode()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"names": "nope"}, 404),
        ({"group": "nope"}, 404),
        ({"phase": "failed"}, 400),
        ({"phase": "running", "group": "g"}, 400),
        ({"phase": "running", "action": "a0-0"}, 400),
    ],
)
def test_a_selection_that_cannot_be_changes_nothing(fields: dict[str, str], status: int):
    factories.make_run("2")

    assert Client(headers=FRAGMENT).post(URL, fields).status_code == status
    assert Client(headers=FRAGMENT).get(URL, fields).status_code == status
    assert not Abort.objects.exists()


def test_who_came_too_late_is_told_by_how_much():
    run = factories.make_run()
    factories.make_action(
        run, "x", parent=run.actions.get(), phase=Phase.FAILED,
        ended_at=timezone.now() - timedelta(seconds=4),
    )  # fmt: skip

    answer = post(action="x")

    assert answer.status_code == 409
    assert re.search(r"<code>x</code> had failed 4\.\d s before", answer.content.decode())


def test_without_javascript_the_form_is_a_page():
    factories.make_run()

    assert "<html" in Client().get(URL).content.decode()
    assert "<html" in Client().post(URL, {"action": "a0"}).content.decode()
