"""A server where one signs in, two projects, and whoever a test needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from runs.access import bearers
from runs.access.members import set_role
from runs.access.sessions import subject_of_user
from runs.domain.roles import Role, Subject, Way
from tests.support.factories import make_project


@pytest.fixture
def signing_in(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FLYTEUI_AUTH=password, an audit file of its own, and `token-of-<user>` as a token of each user."""
    settings.AUTH = "password"
    settings.HOME = tmp_path
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(bearers, "FINDERS", [*bearers.FINDERS, find_by_name])
    make_project("flytesnacks")
    make_project("other")


def find_by_name(token: str) -> Subject | None:
    """A kind of token as an identity provider adds it."""
    user = User.objects.filter(username=token.removeprefix("token-of-")).first()
    return subject_of_user(user, Way.CLI) if user else None


def make_member(name: str, role: Role, project: str | None = "flytesnacks") -> User:
    user = User.objects.create_user(name, password="correct horse")
    set_role(name, role, project)
    return user


def browser_of(name: str, role: Role, project: str | None = "flytesnacks", **headers: str) -> Client:
    """A browser in which a member is signed in."""
    client = Client(headers=headers)
    client.force_login(make_member(name, role, project), backend="django.contrib.auth.backends.ModelBackend")
    return client
