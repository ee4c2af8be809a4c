"""The form that runs a run again: what it shows, what it creates, and what it says of what cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from flyteidl2.task import common_pb2

from runs.models import Run
from runs.store import storage
from tests.support import factories
from tests.support.reruns import inputs, make_source

pytestmark = pytest.mark.django_db(transaction=True)
RUN = "/v2/domain/development/project/flytesnacks/runs/source"
RERUN = f"{RUN}/rerun"
UNTOUCHED = {
    "in.lr": "0.5", "in.name": "first", "in.steps": "3", "envs": "MODE=slow", "labels": "team=a", "name": "",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _source(settings: Any, tmp_path: Path) -> None:
    settings.STORAGE_URL = f"file://{tmp_path / 'storage'}"
    factories.make_project()
    make_source()


def post(**changed: str) -> HttpResponse:
    fields = UNTOUCHED | {key.replace("__", "."): value for key, value in changed.items()}
    answer: Any = Client().post(RERUN, fields)
    return answer


def made() -> Run:
    return Run.objects.exclude(name="source").get()


def inputs_of(run: Run) -> common_pb2.Inputs:
    return common_pb2.Inputs.FromString(storage.read_bytes(run.actions.get().input_uri) or b"")


def test_the_form_is_filled_with_what_the_run_had_and_hides_what_the_sdk_has_set():
    html = Client().get(RERUN).content.decode()

    for control in ('name="in.lr" data-value value="0.5"', 'name="in.name" data-value value="first"', "\nMODE=slow</textarea>",
                    "\nteam=a</textarea>", 'name="recover"', 'name="overwrite_cache"'):  # fmt: skip
        assert control in html
    assert "_F_SYS_PATH" not in html
    assert "data-changed" not in html


def test_a_form_that_nobody_has_touched_makes_the_same_run_and_leads_to_it():
    answer = post()

    new = made()
    assert (answer.status_code, answer["Location"]) == (303, RUN.replace("source", new.name))
    assert inputs_of(new) == inputs(name="first", lr=0.5, steps=3)
    assert (new.envs, new.labels, new.relation) == (
        {"MODE": "slow", "_F_SYS_PATH": "."},
        {"team": "a"},
        "rerun",
    )
    page = Client().get(answer["Location"]).content.decode()
    assert "Rerun of" in page
    assert f'href="{RUN}"' in page
    assert new.name in Client().get(RUN).content.decode()


def test_all_that_can_be_changed_is_changed():
    post(in__lr="1e-3", envs="A=1\r\nB=x y", labels="", name="second", recover="1", overwrite_cache="1")

    new = made()
    assert inputs_of(new) == inputs(name="first", lr=0.001, steps=3)
    assert (new.name, new.labels, new.relation) == ("second", {}, "recover")
    assert new.envs == {"_F_SYS_PATH": ".", "A": "1", "B": "x y"}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("in.steps", "many", "This must be an integer, not &quot;many&quot;"),
        ("envs", "JUST_A_NAME", "is no environment variable: write NAME=value"),
        ("envs", "FLYTEUI_ISOLATE=sometimes", "FLYTEUI_ISOLATE"),
        ("labels", "a=1\nb", "&#x27;b&#x27; is no label"),
        ("name", "Not A Name", "must be lower-case letters"),
        ("name", "source", "exists already"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_started(field: str, value: str, words: str):
    answer = post(**{field.replace(".", "__"): value, "in__lr": "0.75"})

    html = answer.content.decode()
    assert answer.status_code in {400, 409}
    at = html.index(f'id="error-{field}"')
    assert words in html[at : at + 300]
    assert f'aria-describedby="error-{field}"' in html
    assert 'value="0.75"' in html, "what was typed is kept"
    assert Run.objects.count() == 1


def test_what_has_no_form_is_told_in_words():
    nobody = Client().get(f"{RERUN}?action=nobody")
    no_run = Client().get(RERUN.replace("source", "gone"))

    assert (nobody.status_code, no_run.status_code) == (404, 404)
    assert "no action &#x27;nobody&#x27;" in nobody.content.decode()
