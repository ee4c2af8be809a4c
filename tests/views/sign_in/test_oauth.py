"""The four ways to a token of ours, as the flyte client goes them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import AccessToken, DeviceGrant, RefreshToken

from runs.access.bearers import subject_of_bearer
from runs.access.oauth.clients import clear_ended
from runs.access.oauth.keys import create_key
from runs.domain.roles import Role, Way
from runs.models import AuditEntry
from tests.support.oauth import (
    FlyteClient,
    ada,
    authorize_address,
    basic,
    flyte,
    hidden_fields,
    password_mode,
    query_of,
)

__all__ = ["ada", "flyte", "password_mode"]  # fixtures

pytestmark = pytest.mark.usefixtures("transactional_db", "password_mode")


def test_a_code_with_its_verifier_becomes_a_token_of_the_user(flyte: FlyteClient) -> None:
    answer = flyte.ask_for_code()
    tokens = flyte.exchange(answer["code"]).json()

    assert (answer["state"], answer["iss"]) == ("some-state", "http://localhost:8000")
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3600)
    subject = subject_of_bearer(tokens["access_token"])
    assert subject is not None
    assert (subject.id, subject.way) == ("ada", Way.CLI)


def test_no_token_is_stored_as_it_is(flyte: FlyteClient) -> None:
    tokens = flyte.sign_in()

    assert AccessToken.objects.get().token == RefreshToken.objects.get().token == ""
    assert AccessToken.objects.get().token_checksum not in tokens["access_token"]


def test_the_page_asks_for_consent_by_name_and_may_redirect_to_the_program_only(flyte: FlyteClient) -> None:
    page = flyte.browser.get(authorize_address())

    assert "Let <code>flyte</code> act in your name?" in page.text
    assert "<b>ada</b>" in page.text
    assert "form-action 'self' http://localhost:53593;" in page["Content-Security-Policy"]


def test_whoever_says_no_gives_nothing(flyte: FlyteClient) -> None:
    address = authorize_address()

    answer = flyte.browser.post(address, hidden_fields(flyte.browser.get(address).text))

    assert query_of(answer["Location"])["error"] == "access_denied"


def test_a_refresh_token_gives_new_ones_and_ends_the_old(flyte: FlyteClient) -> None:
    first = flyte.sign_in()

    second = flyte.refresh(first["refresh_token"]).json()

    assert second["refresh_token"] != first["refresh_token"]
    assert subject_of_bearer(first["access_token"]) is None
    assert subject_of_bearer(second["access_token"]) is not None


def test_a_refresh_token_outlives_its_access_token(flyte: FlyteClient) -> None:
    tokens = flyte.sign_in()
    AccessToken.objects.update(expires=timezone.now() - timedelta(seconds=1))
    clear_ended()

    assert subject_of_bearer(tokens["access_token"]) is None
    assert flyte.refresh(tokens["refresh_token"]).status_code == 200


def entries() -> list[tuple[str, str, str]]:
    """What the audit has of programs that sign in; the browser of the test was signed in before."""
    found = AuditEntry.objects.filter(deed="sign in").exclude(way="page").order_by("pk")
    return [(entry.way, entry.name or entry.target, entry.outcome) for entry in found]


def test_the_audit_has_who_signed_in_with_a_program_and_what_looks_like_a_theft(flyte: FlyteClient) -> None:
    tokens = flyte.sign_in()
    device = flyte.ask_for_device()
    flyte.poll(device["device_code"])
    flyte.answer_device(device["user_code"])
    flyte.poll(device["device_code"])
    assert entries() == [("CLI", "ada", "done")] * 2

    flyte.refresh(tokens["refresh_token"])
    flyte.refresh(tokens["refresh_token"])
    flyte.refresh("nonsense")

    assert entries()[2:] == [("", "ada", "failed")]
    assert "a second time" in AuditEntry.objects.latest("pk").note


def test_a_device_waits_until_its_code_was_approved(flyte: FlyteClient) -> None:
    device = flyte.ask_for_device()
    assert device["verification_uri_complete"].endswith(f"/oauth/device/?user_code={device['user_code']}")
    assert flyte.poll(device["device_code"]).json()["error"] == "authorization_pending"

    page = flyte.answer_device(device["user_code"].lower().replace("", " ").strip())

    assert "The program is signed in" in page.text
    subject = subject_of_bearer(flyte.poll(device["device_code"]).json()["access_token"])
    assert subject is not None
    assert subject.id == "ada"


def test_a_device_that_was_denied_hears_of_it(flyte: FlyteClient) -> None:
    device = flyte.ask_for_device()

    page = flyte.answer_device(device["user_code"], "deny")

    assert "The program was not signed in" in page.text
    assert flyte.poll(device["device_code"]).json()["error"] == "access_denied"


def test_a_code_that_nobody_knows_is_said_to_be_wrong(flyte: FlyteClient) -> None:
    page = flyte.browser.post("/oauth/device/", {"user_code": "WRONG"})

    assert "Incorrect user code" in page.text
    assert 'aria-invalid="true"' in page.text


def test_the_page_of_the_device_has_the_code_of_its_address(flyte: FlyteClient) -> None:
    device = flyte.ask_for_device()

    page = flyte.browser.get(f"/oauth/device/?user_code={device['user_code']}")

    assert f'value="{device["user_code"]}"' in page.text
    assert DeviceGrant.objects.get().user is None, "opening a page approves nothing"


def test_a_key_is_exchanged_by_basic_authentication() -> None:
    key = create_key("ci", Role.EDITOR, project=None, expires_at=None, created_by="ada")

    answer = Client().post(
        "/oauth/token/",
        {"grant_type": "client_credentials", "scope": "all"},
        headers=basic(key.client_id, key.secret),
    )

    subject = subject_of_bearer(answer.json()["access_token"])
    assert subject is not None
    assert (subject.id, subject.way, subject.everywhere) == ("key:ci", Way.KEY, Role.EDITOR)


def test_the_metadata_of_rfc_8414_says_what_is_here() -> None:
    found = Client().get("/.well-known/oauth-authorization-server").json()

    assert found["token_endpoint"] == "http://localhost:8000/oauth/token/"
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert "implicit" not in found["grant_types_supported"]


@pytest.mark.parametrize("mode", ["none", "oidc"])
@pytest.mark.parametrize("path", ["authorize/", "token/", "device/", "device-authorization/", "revoke/"])
def test_there_is_no_provider_in_other_modes(ada: User, settings: Any, mode: str, path: str) -> None:
    settings.AUTH = mode
    browser = Client()
    browser.force_login(ada)

    assert browser.get(f"/oauth/{path}").status_code == 404
    assert browser.post(f"/oauth/{path}").status_code == 404


@pytest.mark.parametrize("path", ["authorize/", "device/", "device-confirm/flyte/X", "device-done/flyte/X"])
def test_a_bearer_lets_no_program_in(flyte: FlyteClient, path: str) -> None:
    token = flyte.sign_in()["access_token"]

    answer = Client().get(f"/oauth/{path}", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 401


def test_whoever_has_not_signed_in_does_so_first_and_comes_back(flyte: FlyteClient) -> None:
    address = authorize_address()

    answer = Client().get(address)

    assert query_of(answer["Location"])["next"] == address
