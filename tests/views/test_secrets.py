"""The pages of the secrets: what they list, make and delete, for whom; and that no page holds a value."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from runs.domain.secrets import SecretRef
from runs.engine import secrets
from runs.models import AuditEntry, Secret
from runs.store import ciphers
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)
VALUE = "correct horse battery staple"
HERE = SecretRef("TOKEN", "flytesnacks", "development")
CREATE = "/secrets/create/development/flytesnacks"


@pytest.fixture(autouse=True)
def _project() -> None:
    factories.make_project()


def get(path: str, **headers: str) -> str:
    answer = Client(headers=headers).get(path)
    assert answer.status_code == 200, answer.content
    html = answer.content.decode()
    assert VALUE not in html
    return html


def post(path: str, **fields: str) -> HttpResponse:
    answer: Any = Client().post(path, fields)
    assert VALUE not in answer.content.decode()
    return answer


def value_of(ref: SecretRef = HERE) -> str:
    return ciphers.decrypt(ref, bytes(Secret.objects.get(name=ref.name).value)).decode()


def test_without_secrets_the_page_says_what_they_are_and_how_one_is_made():
    html = get("/secrets/")

    assert "No secrets yet" in html
    assert "flyte create secret MY_KEY</pre>" in html
    there = get("/secrets/?where=flytesnacks/development")
    assert "flyte create secret MY_KEY --project flytesnacks --domain development</pre>" in there
    assert 'href="/secrets/"' in get("/executors/")


def test_a_secret_is_created_listed_replaced_and_deleted():
    form = get("/secrets/new?where=flytesnacks/development")
    assert f'action="{CREATE}"' in form
    made = post(CREATE, name="TOKEN", value=VALUE)
    assert (made.status_code, made["Location"]) == (303, "/secrets/?where=flytesnacks%2Fdevelopment")
    assert value_of() == VALUE

    html = get("/secrets/")
    assert "<code>TOKEN</code>" in html
    assert "flytesnacks/development" in html
    assert "Replace the value of <code>TOKEN</code>" in get(
        "/secrets/new?where=flytesnacks/development&name=TOKEN"
    )
    replaced = post("/secrets/replace/development/flytesnacks", name="TOKEN", text="two\r\nlines\r\n")
    assert replaced.status_code == 303
    assert value_of() == "two\nlines\n"

    delete = "/secrets/delete/TOKEN/development/flytesnacks"
    assert "Delete the secret <code>TOKEN</code>?" in get(delete)
    assert "<html" not in get(delete, **{"HX-Request": "true"})
    assert 'data-outcome="requested"' in post(delete).content.decode()
    assert not Secret.objects.exists()
    assert Client().get(delete).status_code == 404


def test_what_a_task_of_a_place_gets_is_listed_once(settings: Any, monkeypatch: pytest.MonkeyPatch):
    settings.SECRETS_PREFIX = "TASKS_"
    monkeypatch.setenv("TASKS_OUTER", VALUE)
    monkeypatch.setenv("TASKS_TOKEN", VALUE)
    for ref in (HERE, SecretRef("TOKEN"), SecretRef("ELSEWHERE", domain="production")):
        secrets.create_secret(ref, VALUE.encode(), actor="ann")

    there = get("/secrets/?where=flytesnacks/development")
    everywhere = get("/secrets/")

    assert there.count("<code>TOKEN</code>") == 1
    assert "ELSEWHERE" not in there
    assert "environment of the server" in there
    assert there.count("data-delete-secret") == 1  # not that of the environment
    assert everywhere.count("<code>TOKEN</code>") == 2
    assert "domain production" in everywhere
    assert "ann" in everywhere


@pytest.mark.parametrize(
    ("fields", "status", "what"),
    [
        ({"name": "TOKEN", "value": VALUE}, 409, "exists already"),
        ({"name": "with space", "value": VALUE}, 400, "Secret name &#x27;with space&#x27; must be"),
        ({"name": "OTHER", "value": ""}, 400, "is empty"),
        ({"name": "OTHER", "value": VALUE, "text": VALUE}, 400, "one of the two fields"),
    ],
)
def test_a_form_that_is_refused_comes_back_with_the_name_and_without_the_value(
    fields: dict[str, str], status: int, what: str
):
    secrets.create_secret(HERE, b"there already")

    answer = post(CREATE, **fields)

    html = answer.content.decode()
    assert answer.status_code == status
    assert what in html
    assert f'name="name" value="{fields["name"]}"' in html
    assert value_of() == "there already"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/secrets/?where=flytesnacks/nowhere", 400),
        ("/secrets/new?where=flytesnacks/development&name=NOTHING", 404),
        ("/secrets/delete/NOTHING", 404),
        ("/secrets/delete/NOTHING/nowhere", 400),
    ],
)
def test_what_is_not_there_is_said_by_name(path: str, status: int):
    assert Client().get(path).status_code == status


def test_the_audit_has_names_and_no_values():
    post(CREATE, name="TOKEN", value=VALUE)
    post("/secrets/delete/TOKEN/development/flytesnacks", name="TOKEN")

    entries = list(AuditEntry.objects.order_by("pk").values_list("deed", "target", "project", "outcome"))
    assert entries == [
        ("create secret", "flytesnacks/development/TOKEN", "flytesnacks", "done"),
        ("delete secret", "flytesnacks/development/TOKEN", "flytesnacks", "done"),
    ]
    assert VALUE not in str(AuditEntry.objects.values())


def test_the_admin_site_does_not_know_secrets(admin_client: Client):
    secrets.create_secret(HERE, VALUE.encode())

    assert admin_client.get("/admin/runs/secret/").status_code == 404
    html = admin_client.get("/admin/").content.decode()
    assert "/admin/runs/secret/" not in html
