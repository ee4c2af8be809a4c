"""Aborts of what matches the filter of a run's page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from runs.domain.phases import Phase
from runs.models import Abort, Action
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)

RUN = "/v2/domain/development/project/flytesnacks/runs/run1"
URL = f"{RUN}/abort"
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def search() -> None:
    """main > four trials, of which one has ended and one is queued; the last calls a step."""
    run = factories.make_run("0")
    root = run.actions.get()
    phases = [Phase.RUNNING, Phase.SUCCEEDED, Phase.QUEUED, Phase.RUNNING]
    for number, phase in enumerate(phases):
        digest = f'{{"number":{number},"lr":{0.1 / 10**number}}}'
        trial = factories.make_action(run, f"t{number}", parent=root, short_name="trial", phase=phase)
        Action.objects.filter(pk=trial.pk).update(input_digest=digest)
    factories.make_action(run, "s", parent=trial, short_name="step")


def ask(**fields: str) -> str:
    return words(Client(headers=FRAGMENT).get(URL, fields).content.decode())


def post(**fields: str) -> Any:
    return Client(headers=FRAGMENT).post(URL, fields)


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", "", html).split())


def asked() -> set[str]:
    return set(Action.objects.filter(abort__isnull=False).values_list("name", flat=True))


def test_the_form_says_what_matches_and_counts_what_goes_on():
    found = ask(q="lr<0.05")

    assert "Abort everything that matches “lr<0.05”?" in found.replace("&lt;", "<")
    assert "2 running" in found  # and the step below one of them
    assert "1 waiting" in found
    assert "finished" not in found
    assert "matches “lr&gt;0.5” · running" in ask(q="lr>0.5", look="running")
    assert "Nothing to abort" in ask(q="lr>0.5", look="running")


def test_what_matches_is_aborted_with_what_is_below_and_nothing_else():
    answer = post(q="lr<0.05", reason="too slow")

    assert answer.status_code == 200
    assert "Aborting 3 actions, 1 stopped at once" in words(answer.content.decode())
    assert asked() == {"t2", "t3", "s"}
    assert {one.reason for one in Abort.objects.all()} == {"too slow"}


def test_a_look_and_what_has_started_narrow_it():
    post(q="trial", look="running")
    assert asked() == {"t0", "t3", "s"}

    assert 'data-outcome="nothing"' in post(q="trial", look="running", started="1").content.decode()
    post(look="queued")
    assert asked() == {"t0", "t2", "t3", "s"}


def test_the_root_never_matches():
    post(look="running")

    assert asked() == {"t0", "t3", "s"}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"look": "slow"}, "no action can look 'slow'"),
        ({"q": "trial", "look": "running slow"}, "no action can look 'slow'"),
        ({"q": " "}, "wants a filter"),
        ({"started": "yes"}, "wants a filter"),
        ({"q": "trial", "action": "t0"}, "either what matches"),
        ({"q": "trial", "phase": "running"}, "either what matches"),
    ],
)
def test_a_filter_that_would_mean_more_than_it_says_is_refused(fields: dict[str, str], why: str):
    for answer in (post(**fields), Client(headers=FRAGMENT).get(URL, fields)):
        assert answer.status_code == 400
        assert why.lower() in words(answer.content.decode()).replace("&#x27;", "'").lower()
    assert asked() == set()


def test_the_page_offers_it_while_something_that_matches_goes_on():
    def page(query: str) -> str:
        return Client().get(f"{RUN}?{query}").content.decode()

    assert "data-abort-matching" in page("q=lr<0.05")
    assert "data-abort-matching" not in page("q=number%3D1")
    assert "data-abort-matching" not in page("")
    assert "data-abort-matching" not in page("q=main")
