"""Who may see that a secret is there, and who may make one, by page and by RPC."""

from __future__ import annotations

from typing import Any

import pytest

from runs.domain.roles import Role
from runs.domain.secrets import SecretRef
from runs.engine import secrets
from runs.models import AuditEntry, Member, Secret
from tests.access.conftest import browser_of, make_member
from tests.access.test_api import code_of, post

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("signing_in")]
SERVICE = "/flyteidl2.secret.SecretService/"
HERE = {"name": "TOKEN", "project": "flytesnacks", "domain": "development"}
WIDE = {"name": "TOKEN"}
SPEC = {"stringValue": "correct horse"}
CREATE = "/secrets/create/development/flytesnacks"


@pytest.fixture(autouse=True)
def _kept(signing_in: None) -> None:
    for ref in (
        SecretRef("MINE", "flytesnacks", "development"),
        SecretRef("THEIRS", "other", "development"),
        SecretRef("ALL"),
    ):
        secrets.create_secret(ref, b"battery staple")


def call(method: str, who: str, body: dict[str, Any]) -> str:
    return code_of(post(SERVICE + method, body, f"token-of-{who}"))


def names(who: str) -> list[str]:
    answer = post(f"{SERVICE}ListSecrets", {}, f"token-of-{who}").json()
    return [one["id"]["name"] for one in answer.get("secrets", [])]


@pytest.mark.parametrize(("role", "expected"), [(Role.OPERATOR, "permission_denied"), (Role.EDITOR, "ok")])
def test_editors_of_a_project_make_its_secrets_and_none_of_all_projects(role: Role, expected: str):
    make_member("ann", role)

    for method, body in (
        ("CreateSecret", {"id": HERE, "secretSpec": SPEC}),
        ("UpdateSecret", {"id": HERE, "secretSpec": SPEC}),
        ("DeleteSecret", {"id": HERE}),
    ):
        assert call(method, "ann", body) == expected
        assert call(method, "ann", {**body, "id": WIDE}) == "permission_denied"
        assert call(method, "ann", {**body, "id": {**HERE, "project": "other"}}) == "permission_denied"
    assert set(AuditEntry.objects.values_list("outcome", flat=True)) >= {"refused"}


def test_editors_of_all_projects_make_those_of_the_organisation_too():
    make_member("root", Role.EDITOR, None)

    assert call("CreateSecret", "root", {"id": WIDE, "secretSpec": SPEC}) == "ok"


def test_viewers_see_the_names_of_their_projects_and_of_all_projects():
    make_member("vera", Role.VIEWER)
    make_member("boss", Role.VIEWER, None)

    assert names("vera") == ["ALL", "MINE"]
    assert names("boss") == ["ALL", "MINE", "THEIRS"]
    assert call("GetSecret", "vera", {"id": {**HERE, "name": "MINE"}}) == "ok"
    assert call("GetSecret", "vera", {"id": {"name": "ALL"}}) == "ok"
    theirs = {"name": "THEIRS", "project": "other", "domain": "development"}
    assert call("GetSecret", "vera", {"id": theirs}) == "permission_denied"


def test_the_page_offers_what_its_reader_may_do_and_refuses_the_rest():
    viewer, operator = browser_of("vera", Role.VIEWER), browser_of("otto", Role.OPERATOR)
    editor = browser_of("eddy", Role.EDITOR)

    for client in (viewer, operator):
        html = client.get("/secrets/").content.decode()
        assert "MINE" in html
        assert "THEIRS" not in html
        assert "data-delete-secret" not in html
        assert "New secret" not in html
        assert client.get("/secrets/new").status_code == 403
        assert client.post(CREATE, {"name": "NEW", "value": "x"}).status_code == 403
    html = editor.get("/secrets/").content.decode()
    assert html.count("data-delete-secret") == 1
    assert editor.get("/secrets/new").status_code == 200
    assert editor.get("/secrets/new?where=").status_code == 403
    assert editor.get("/secrets/?where=other/development").status_code == 403
    assert editor.post(CREATE, {"name": "NEW", "value": "correct horse"}).status_code == 303
    assert editor.post("/secrets/create", {"name": "NEW", "value": "x"}).status_code == 403
    assert editor.post("/secrets/delete/ALL").status_code == 403
    assert editor.post("/secrets/delete/THEIRS/development/other").status_code == 403
    assert sorted(Secret.objects.values_list("name", flat=True)) == ["ALL", "MINE", "NEW", "THEIRS"]


def test_who_has_no_role_sees_nothing():
    client = browser_of("nobody", Role.VIEWER)
    make_member("guest", Role.VIEWER)
    Member.objects.all().delete()

    assert names("guest") == []
    assert "ALL" not in client.get("/secrets/").content.decode()
