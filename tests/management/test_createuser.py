"""`flyteui createuser`: users with a role, made and changed."""

from __future__ import annotations

import io

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from runs.access.sessions import subject_of_user
from runs.domain.roles import Role
from tests.support.factories import make_project

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quick_hashes(settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def create(monkeypatch, *arguments: str, password: str = "correct horse battery") -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    printed = io.StringIO()
    call_command("createuser", *arguments, stdout=printed)
    return printed.getvalue()


def test_a_user_has_the_password_of_stdin_and_the_role_in_the_project(monkeypatch):
    make_project("p")

    said = create(monkeypatch, "ada", "--role", "operator", "--project", "p")

    ada = User.objects.get(username="ada")
    assert said == "ada is made, with the role operator in project p.\n"
    assert ada.check_password("correct horse battery")
    assert subject_of_user(ada).projects == {"p": Role.OPERATOR}
    assert not ada.is_superuser


def test_an_admin_of_all_projects_is_a_superuser_until_the_role_changes(monkeypatch):
    create(monkeypatch, "root", "--role", "admin")
    assert User.objects.get().is_superuser

    said = create(monkeypatch, "root", "--role", "viewer", password="another long one")

    assert said == "root stays, with the role viewer in all projects.\n"
    root = User.objects.get()
    assert not root.is_superuser
    assert root.check_password("another long one")
    assert subject_of_user(root).everywhere is Role.VIEWER


@pytest.mark.parametrize(
    ("arguments", "password", "words"),
    [
        (["ada", "--role", "owner"], "correct horse battery", "'owner' is not a role; there are viewer"),
        (["ada", "--role", "viewer", "--project", "q"], "correct horse battery", "there is no project 'q'"),
        (["ada", "--role", "viewer"], "ada", "too short"),
        (["a b", "--role", "viewer"], "correct horse battery", "'a b' cannot be the name of a user"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(monkeypatch, arguments, password, words):
    with pytest.raises(CommandError, match=words):
        create(monkeypatch, *arguments, password=password)

    assert not User.objects.exists()
