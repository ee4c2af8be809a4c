"""What the panel says of an action that runs alone, and the button with which its task shares a process again."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils import timezone

from runs.domain.phases import Phase
from runs.domain.variables.isolation import Isolation
from runs.models import Action, Manner, Run
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

RUN = "/v2/domain/development/project/flytesnacks/runs/run1"
URL = f"{RUN}/actions/a0/share"
FRAGMENT = {"HX-Request": "true"}
BUTTON = "Let it share again"


@pytest.fixture
def run() -> Run:
    return factories.make_run()


@pytest.fixture
def manner(run: Run) -> Manner:
    return Manner.objects.create(
        project=run.project, domain=run.domain, task_name="env.main", kind=Manner.Kind.BLOCKED,
        detail="blocked its event loop for 4.2 s", run_name="r7f3", seen_at=timezone.now(),
    )  # fmt: skip


def panel(**fields: object) -> str:
    """The words of the panel of `a0`, which has these columns."""
    Action.objects.update(**fields)
    answer = Client(headers=FRAGMENT).get(f"{RUN}/actions/a0")
    assert answer.status_code == 200
    return " ".join(re.sub(r"<(?!a |/a|button|form)[^>]*>", "", answer.content.decode()).split())


def test_it_says_why_and_where_that_was_seen(manner: Manner):
    link = f'<a href="{RUN.replace("run1", "r7f3")}">r7f3</a>'

    text = panel(is_alone=True)

    assert f"Runs alone, since it blocked its event loop for 4.2 s in run {link}." in text
    assert BUTTON in text


@pytest.mark.parametrize(
    ("fields", "when"),
    [
        ({"is_alone": True, "phase": Phase.SUCCEEDED, "ended_at": timezone.now()}, "Ran alone"),
        ({"phase": Phase.QUEUED}, "Will run alone"),
        ({"phase": Phase.RUNNING}, "The next action of this task will run alone"),
    ],
)
def test_it_says_when(manner: Manner, fields: dict[str, object], when: str):
    assert f"{when}, since it blocked" in panel(**fields)


def test_what_the_task_demands_has_no_button(manner: Manner):
    text = panel(isolation=Isolation.ALWAYS.value, is_alone=True)

    assert "Runs alone: FLYTEUI_ISOLATE is always." in text
    assert BUTTON not in text


def test_what_shares_its_process_says_nothing(run: Run):
    assert "alone" not in panel()


def test_what_never_runs_alone_says_nothing(manner: Manner):
    assert "alone" not in panel(isolation=Isolation.NEVER.value)


def test_a_script_gets_a_sentence_and_the_task_shares_again(manner: Manner):
    seq = Action.objects.get().changed_seq

    answer = Client().post(URL, headers=FRAGMENT)

    assert 'data-outcome="requested"' in answer.content.decode()
    assert "What <code>env.main</code> did is forgotten" in answer.content.decode()
    assert not Manner.objects.exists()
    assert Action.objects.get().changed_seq > seq, "pages that are open load the panel again"
    assert "Nothing was changed" in Client().post(URL, headers=FRAGMENT).content.decode()


def test_without_javascript_it_leads_back_to_the_action(manner: Manner):
    answer = Client().post(URL)

    assert (answer.status_code, answer["Location"]) == (303, f"{RUN}?action=a0")


def test_only_a_post_with_a_token_of_our_page_changes_anything(manner: Manner):
    assert Client().get(URL).status_code == 405
    assert Client(enforce_csrf_checks=True).post(URL).status_code == 403
    assert Client().post(URL.replace("a0", "nosuch"), headers=FRAGMENT).status_code == 404
    assert Manner.objects.exists()
