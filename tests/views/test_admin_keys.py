from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from runs.access.bearers import subject_of_bearer
from runs.access.oauth.keys import create_key
from runs.domain.roles import Role
from runs.models import APIKey, AuditEntry, Member
from tests.support.factories import make_project

pytestmark = pytest.mark.usefixtures("transactional_db")
ADD = "/admin/runs/apikey/add/"


@pytest.fixture(autouse=True)
def _password_mode(settings: Any) -> None:
    settings.AUTH = "password"


def browser_of(name: str, role: Role | None = None, project: str | None = None) -> Client:
    """Of a superuser, or of a member."""
    if role is None:
        user = User.objects.create_superuser(name)
    else:
        user = User.objects.create_user(name)
        Member.objects.create(name=name, role=role, project=make_project(project) if project else None)
    browser = Client()
    browser.force_login(user)
    return browser


def form(name: str = "ci", role: Role = Role.EDITOR, project: Any = "") -> dict[str, Any]:
    return {"name": name, "role": role.value, "project": project, "expires_at_0": "", "expires_at_1": ""}


def test_a_key_is_shown_once_and_works() -> None:
    root = browser_of("root")

    page = root.post(ADD, form())

    encoded = re.search(r"<code>([A-Za-z0-9+/=]{60,})</code>", page.text)
    assert encoded
    subject = subject_of_bearer(encoded.group(1))
    assert subject is not None
    assert (subject.name, subject.everywhere) == ("ci", Role.EDITOR)
    assert "no-store" in page["Cache-Control"]
    for path in ("/admin/runs/apikey/", f"/admin/runs/apikey/{APIKey.objects.get().pk}/change/"):
        again = root.get(path)
        assert again.status_code == 200
        assert encoded.group(1) not in again.text
    assert APIKey.objects.get().created_by == "root (admin)"
    entry = AuditEntry.objects.get(deed="change key")
    assert (entry.name, entry.target, entry.note) == ("root", "key ci: editor in all projects", "added")


def test_deleting_a_key_ends_it_and_the_audit_says_who_did() -> None:
    key = create_key("ci", Role.VIEWER, project=None, expires_at=None, created_by="x")
    row = APIKey.objects.get()

    browser_of("root").post(f"/admin/runs/apikey/{row.pk}/delete/", {"post": "yes"})

    assert subject_of_bearer(key.encoded) is None
    assert AuditEntry.objects.get(deed="change key").note == "deleted"


def test_an_admin_of_a_project_makes_and_sees_the_keys_of_it_only() -> None:
    here, there = make_project("here"), make_project("there")
    for project in ("here", "there"):
        create_key(f"of-{project}", Role.VIEWER, project=project, expires_at=None, created_by="x")
    ada = browser_of("ada", Role.ADMIN, "here")

    listed = ada.get("/admin/runs/apikey/").text
    assert "of-here" in listed
    assert "of-there" not in listed
    assert ada.post(ADD, form("new", project=here.pk)).status_code == 200
    assert ada.post(ADD, form("other", project=there.pk)).status_code == 200
    assert ada.post(ADD, form("everywhere")).status_code == 200

    assert set(APIKey.objects.values_list("name", flat=True)) == {"of-here", "of-there", "new"}


def test_an_editor_makes_no_keys() -> None:
    browser_of("ed", Role.EDITOR).post(ADD, form())

    assert not APIKey.objects.exists()


@pytest.mark.parametrize("name", ["", "ci", "new\nline", "x" * 101])
def test_a_name_that_cannot_be_is_said_at_the_form(name: str) -> None:
    create_key("ci", Role.VIEWER, project=None, expires_at=None, created_by="x")

    page = browser_of("root").post(ADD, form(name))

    assert page.status_code == 200
    assert "errorlist" in page.text
    assert APIKey.objects.count() == 1


def test_tokens_are_there_to_be_revoked_and_clients_are_not_to_be_made() -> None:
    page = browser_of("root").get("/admin/")

    assert "/admin/oauth2_provider/refreshtoken/" in page.text
    assert "/admin/oauth2_provider/application/" not in page.text
