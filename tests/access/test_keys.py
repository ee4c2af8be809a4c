from __future__ import annotations

import base64
import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from oauth2_provider.models import Application

from runs.access.bearers import subject_of_bearer
from runs.access.oauth.keys import create_key, revoke_key
from runs.domain.errors import AlreadyExists, Invalid, NotFound
from runs.domain.roles import Role
from runs.models import APIKey
from runs.store import database
from tests.support.factories import make_project

pytestmark = pytest.mark.usefixtures("transactional_db")


def make(name: str = "ci", role: Role = Role.EDITOR, **options: Any) -> Any:
    return create_key(name, role, **{"project": None, "expires_at": None, "created_by": "ada", **options})


def wait_for_writer() -> None:
    """Until all that was given to the writer thread is done."""
    database._writer.submit(int).result(120)


def test_a_key_is_what_the_client_decodes(settings: Any) -> None:
    from flyte.remote._client.auth._auth_utils import decode_api_key

    settings.PUBLIC_URL = "https://flyte.example.com"
    key = make()

    assert decode_api_key(key.encoded) == ("flyte.example.com", key.client_id, key.secret, "None")


def test_the_port_is_left_out_because_the_client_cannot_read_one(settings: Any) -> None:
    settings.PUBLIC_URL = "https://localhost:8443"

    assert base64.b64decode(make().encoded).startswith(b"localhost:key-")


def test_a_key_of_a_project_has_its_role_there_only() -> None:
    make_project("vision")
    subject = subject_of_bearer(make(project="vision").encoded)

    assert subject is not None
    assert (subject.name, subject.everywhere, subject.projects) == ("ci", None, {"vision": Role.EDITOR})


def test_no_secret_is_stored_as_it_is() -> None:
    key = make()

    assert key.secret not in Application.objects.get(client_id=key.client_id).client_secret


def test_the_last_use_is_noted_to_the_minute() -> None:
    key = make()
    before = timezone.now()

    subject_of_bearer(key.encoded)

    wait_for_writer()
    used = APIKey.objects.get().last_used_at
    assert used is not None
    assert used >= before
    subject_of_bearer(key.encoded)
    wait_for_writer()
    assert APIKey.objects.get().last_used_at == used


def test_names_of_keys_are_checked() -> None:
    make()

    with pytest.raises(AlreadyExists, match="there is a key 'ci' already"):
        make()
    with pytest.raises(NotFound, match="there is no project 'nowhere'"):
        make("other", project="nowhere")
    with pytest.raises(Invalid, match="printable"):
        make("new\nline")
    with pytest.raises(NotFound, match="there is no key 'gone'"):
        revoke_key("gone")
    assert Application.objects.count() == 1, "nothing is left of what was refused"


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("createkey", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_a_key_that_works_and_says_where(settings: Any) -> None:
    settings.AUTH = "password"
    settings.PUBLIC_URL = "https://flyte.example.com"

    printed = run("ci", "--role", "operator", "--days", "30")

    encoded = printed.partition("FLYTE_API_KEY=")[2].split()[0]
    subject = subject_of_bearer(encoded)
    assert subject is not None
    assert subject.everywhere is Role.OPERATOR
    assert "endpoint: dns:///flyte.example.com\n" in printed
    assert "443" not in printed
    key = APIKey.objects.get()
    assert key.created_by == "flyteui createkey"
    assert key.expires_at is not None
    assert timedelta(days=29) < key.expires_at - timezone.now() < timedelta(days=31)


def test_the_command_says_when_the_key_alone_does_not_lead_to_the_server(settings: Any) -> None:
    settings.AUTH = "password"
    settings.PUBLIC_URL = "https://flyte.example.com:8443"

    assert "on port 443; this one is https://flyte.example.com:8443" in run("ci", "--role", "viewer")


def test_the_command_revokes() -> None:
    key = make()

    assert "has ended" in run("ci", "--revoke")
    assert subject_of_bearer(key.encoded) is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ci"], "needs a --role"),
        (["ci", "--role", "viewer", "--days", "0"], "--days is 0"),
        (["ci", "--role", "viewer", "--project", "nowhere"], "there is no project 'nowhere'"),
        (["gone", "--revoke"], "there is no key 'gone'"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run(*arguments)
