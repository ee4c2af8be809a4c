"""Deleting runs from their page, their list and by JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from runs.domain.phases import Phase
from runs.models import Deletion, Run
from runs.queries.retention import deletions
from runs.store import storage
from tests.support import factories
from tests.views.test_executors import words

pytestmark = pytest.mark.django_db(transaction=True)

SCOPE = "/v2/domain/development/project/flytesnacks"
RUNS, DELETE, JSON = f"{SCOPE}/runs", f"{SCOPE}/delete", f"{SCOPE}/deletions"


@pytest.fixture
def browser() -> Client:
    return Client(headers={"HX-Request": "true", "X-FlyteUI-Actor": "ann"})


@pytest.fixture
def runs(settings: Any, tmp_path: Path) -> list[Run]:
    """Two that have ended, the first with a file, and one that lives."""
    settings.STORAGE_URL = f"file://{tmp_path}/storage"
    made = [factories.make_run("2", name=name, phase=Phase.SUCCEEDED) for name in ("one", "two")]
    uri = storage.join(storage.run_base(factories.ref_of(made[0])), "a0", "1", "outputs.pb")
    storage.write_bytes(uri, b"x" * 2048)
    return [*made, factories.make_run("1", name="lives")]


def test_the_page_of_a_run_offers_it_once_it_has_ended(runs: list[Run]):
    ended, lives = (Client().get(f"{RUNS}/{name}").content.decode() for name in ("one", "lives"))

    assert 'data-delete="one"' in ended
    assert f'<delete-dialog data-url="{DELETE}" data-then="{RUNS}">' in ended
    assert "data-delete=" not in lives


def test_the_dialog_says_first_how_much_that_is(
    browser: Client, runs: list[Run], django_assert_num_queries: Any
):
    with django_assert_num_queries(2):
        deletions.preview_deletion("flytesnacks", "development", ["one", "lives"])

    one = words(browser.get(DELETE, {"names": "one"}).content.decode())
    many = words(browser.get(DELETE, {"name": ["one", "two", "lives"]}).content.decode())
    live = words(browser.get(DELETE, {"names": "lives"}).content.decode())

    assert "Delete the run one?" in one
    assert "3 actions, with their logs, inputs and outputs" in one
    assert "1 file, 2 KiB" in one
    assert "Delete 2 of 3 runs?" in many
    assert "1 has not ended and stays." in many
    assert "6 actions" in many
    assert "It has not ended; abort it first." in live


def test_without_javascript_it_is_a_page(runs: list[Run]):
    html = Client().get(DELETE, {"name": "one"}).content.decode()

    assert "<title>Delete · flyteui</title>" in html
    assert "<h1 id=" in html


def test_runs_are_deleted_and_what_was_found_is_said(browser: Client, runs: list[Run]):
    answer = browser.post(DELETE, {"names": "one lives none"})

    assert answer.status_code == 200
    assert 'data-outcome="requested"' in answer.content.decode()
    said = words(answer.content.decode())
    assert "1 run with 3 actions deleted; their files follow." in said
    assert "Run 'lives' has not ended: 2 of its actions live." in said
    assert "There is no run 'none'" in said
    assert set(Run.objects.exclude(domain="").values_list("name", flat=True)) == {"two", "lives"}
    assert Deletion.objects.get().actor == "ann"


def test_the_pages_of_a_deleted_run_say_who_deleted_it(browser: Client, runs: list[Run]):
    browser.post(DELETE, {"names": "one"})

    for path in (
        f"{RUNS}/one",
        f"{RUNS}/one/actions/a0",
        f"{RUNS}/one/actions/a0/log.txt",
        f"{RUNS}/one/minimap",
    ):
        answer = Client().get(path)
        assert answer.status_code == 404, path
        assert f"was deleted on {timezone.now():%Y-%m-%d}" in answer.content.decode()
        assert "UTC by ann" in answer.content.decode()
    assert "/one" not in Client().get(RUNS).content.decode()


def test_an_abort_of_a_deleted_run_says_so_too(browser: Client, runs: list[Run]):
    browser.post(DELETE, {"names": "one"})

    answer = browser.post(f"{RUNS}/one/abort")

    assert answer.status_code == 404
    assert "was deleted on" in answer.content.decode()


def test_a_log_that_was_deleted_says_so(runs: list[Run]):
    Run.objects.filter(name="one").update(logs_deleted_at=timezone.now())

    html = Client().get(f"{RUNS}/one/actions/a0", {"tab": "logs"}).content.decode()

    assert "Its log was deleted" in words(html)


@pytest.mark.parametrize(
    ("said", "status", "message"),
    [({}, 400, "Select at least one run"), ({"names": "Bad_Name"}, 400, "must be lower-case letters")],
)
def test_what_cannot_be_is_refused(
    browser: Client, runs: list[Run], said: dict[str, str], status: int, message: str
):
    answer = browser.post(DELETE, said)

    assert (answer.status_code, message in answer.content.decode()) == (status, True)
    assert not Deletion.objects.exists()


def test_a_form_of_another_site_deletes_nothing(runs: list[Run]):
    answer = Client(enforce_csrf_checks=True).post(DELETE, {"names": "one"})

    assert answer.status_code == 403
    assert not Deletion.objects.exists()


def test_a_script_asks_and_deletes_by_json(runs: list[Run]):
    script = Client(enforce_csrf_checks=True, headers={"X-FlyteUI-Actor": "nightly"})

    asked = script.get(JSON, {"name": ["one", "lives"]})
    done = script.post(
        JSON, {"names": ["one", "lives"]}, content_type="application/json",
        headers={"X-CSRFToken": script.cookies["csrftoken"].value},
    )  # fmt: skip

    assert asked.json() == {
        "ended": ["one"],
        "live": 1,
        "actions": 3,
        "files": 1,
        "bytes": 2048,
        "is_more": False,
    }
    assert (done.status_code, done.json()["deleted"], done.json()["actions"]) == (200, ["one"], 3)
    assert "has not ended" in done.json()["refused"][0]
    assert Deletion.objects.get().actor == "nightly"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400),
        ("[" * 5000, 400),
        ('{"names": "one"}', 400),
        ('{"names": []}', 400),
        ('{"names": ["lives"]}', 409),
    ],
)
def test_json_that_deletes_nothing_is_an_error(runs: list[Run], body: str, status: int):
    answer = Client().post(JSON, body, content_type="application/json")

    assert answer.status_code == status
    assert not Deletion.objects.exists()
