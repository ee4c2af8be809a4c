"""Attacks on ours as an OAuth provider: what is old, stolen, bent or made up gives no token and leads nowhere else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from oauth2_provider.models import AccessToken, DeviceGrant, Grant

from runs.access.bearers import subject_of_bearer
from runs.access.oauth import clients
from runs.access.oauth.clients import CLI_CLIENT, DEVICE_GRANT
from runs.access.oauth.keys import create_key, revoke_key
from runs.domain.roles import Role
from runs.models import APIKey
from runs.views.sign_in import oauth_views
from tests.support.oauth import (
    FlyteClient,
    ada,
    authorize_address,
    basic,
    challenge_of,
    flyte,
    hidden_fields,
    password_mode,
)

__all__ = ["ada", "flyte", "password_mode"]  # fixtures

pytestmark = pytest.mark.usefixtures("transactional_db", "password_mode")
ELSEWHERE = "http://evil.example/callback"


def assert_refused(answer: Any, error: str) -> None:
    assert (answer.status_code, answer.json()["error"]) in {(400, error), (401, error)}, answer.content


def test_a_code_works_once(flyte: FlyteClient) -> None:
    code = flyte.ask_for_code()["code"]
    assert flyte.exchange(code).status_code == 200

    assert_refused(flyte.exchange(code), "invalid_grant")


def test_a_code_is_worth_nothing_without_its_verifier(flyte: FlyteClient) -> None:
    code = flyte.ask_for_code()["code"]

    assert_refused(flyte.exchange(code, code_verifier="w" * 60), "invalid_grant")
    assert_refused(flyte.exchange(code, code_verifier=""), "invalid_grant")
    assert not AccessToken.objects.exists()


def test_a_code_that_is_older_than_a_minute_has_ended(flyte: FlyteClient) -> None:
    code = flyte.ask_for_code()["code"]
    Grant.objects.update(expires=timezone.now() - timedelta(seconds=1))

    assert_refused(flyte.exchange(code), "invalid_grant")


def test_a_code_is_for_the_address_that_it_was_sent_to(flyte: FlyteClient) -> None:
    code = flyte.ask_for_code()["code"]

    answer = flyte.exchange(code, redirect_uri=ELSEWHERE)

    assert answer.status_code in {400, 401}
    assert not AccessToken.objects.exists()


@pytest.mark.parametrize(
    "redirect",
    [
        ELSEWHERE,
        "http://localhost:53593/callback/../elsewhere",
        "http://localhost:53593/callback?and=more",
        "http://localhost:53593@evil.example/callback",
        "http://localhost:53594/callback",
        "https://localhost:53593/callback",
        "javascript:alert(1)//localhost:53593/callback",
        "http://localhost:53593/callback#here",
    ],
)
def test_a_code_is_sent_to_the_registered_address_only(flyte: FlyteClient, redirect: str) -> None:
    page = flyte.browser.get(authorize_address(redirect_uri=redirect))

    assert page.status_code == 400
    assert "Location" not in page.headers
    assert "The program asked for something that is not given here" in page.text


def test_a_form_that_was_bent_leads_nowhere(flyte: FlyteClient) -> None:
    address = authorize_address()
    fields = hidden_fields(flyte.browser.get(address).text)

    for answer in ({}, {"allow": "true"}):
        for bent in ({"redirect_uri": ELSEWHERE}, {"client_id": "nobody"}):
            page = flyte.browser.post(address, {**fields, **answer, **bent})
            assert (page.status_code, page.headers.get("Location")) == (400, None)
    assert not Grant.objects.exists()


def test_consent_is_asked_for_each_time(flyte: FlyteClient) -> None:
    flyte.sign_in()

    page = flyte.browser.get(authorize_address(approval_prompt="auto"))

    assert page.status_code == 200


def test_consent_needs_the_token_of_its_page(ada: User, flyte: FlyteClient) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada)
    fields = hidden_fields(flyte.browser.get(authorize_address()).text)

    assert strict.post(authorize_address(), {**fields, "allow": "true"}).status_code == 403
    assert strict.post("/oauth/device/", {"user_code": "x"}).status_code == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None},
        {"code_challenge_method": "plain"},
        {"response_type": "token"},
        {"response_type": "id_token"},
        {"scope": "everything"},
    ],
)
def test_no_code_is_given_for_less_than_what_is_demanded(flyte: FlyteClient, changes: Any) -> None:
    address = authorize_address(**changes)
    page = flyte.browser.get(address)
    if page.status_code == 200:
        page = flyte.browser.post(address, {**hidden_fields(page.text), "allow": "true"})

    assert "code=" not in page.headers.get("Location", "")
    assert not Grant.objects.exists()


@pytest.mark.parametrize("grant", ["password", "implicit", "client_credentials", "nonsense", ""])
def test_the_public_client_has_no_other_grant(flyte: FlyteClient, grant: str) -> None:
    answer = flyte.post_token(grant_type=grant, client_id=CLI_CLIENT, username="ada", password="x")

    assert answer.status_code in {400, 401}


def test_a_refresh_token_that_is_used_again_ends_all_that_came_of_it(flyte: FlyteClient) -> None:
    first = flyte.sign_in()
    second = flyte.refresh(first["refresh_token"]).json()

    assert_refused(flyte.refresh(first["refresh_token"]), "invalid_grant")

    assert subject_of_bearer(second["access_token"]) is None
    assert_refused(flyte.refresh(second["refresh_token"]), "invalid_grant")


def test_a_refresh_token_ends_in_its_time(flyte: FlyteClient, settings: Any) -> None:
    tokens = flyte.sign_in()
    long_ago = timezone.now() - timedelta(seconds=settings.REFRESH_TOKEN_SECONDS + 1)
    AccessToken.objects.update(expires=long_ago)

    assert_refused(flyte.refresh(tokens["refresh_token"]), "invalid_grant")


def test_a_revoked_token_is_nothing_at_once(flyte: FlyteClient) -> None:
    tokens = flyte.sign_in()

    flyte.program.post("/oauth/revoke/", {"token": tokens["access_token"], "client_id": CLI_CLIENT})

    assert subject_of_bearer(tokens["access_token"]) is None
    assert_refused(flyte.refresh(tokens["refresh_token"]), "invalid_grant")


def test_a_new_password_ends_all_that_was_given_before(flyte: FlyteClient, ada: User) -> None:
    tokens, code = flyte.sign_in(), flyte.ask_for_code()["code"]

    ada.set_password("another one")
    ada.save()

    assert subject_of_bearer(tokens["access_token"]) is None
    assert_refused(flyte.refresh(tokens["refresh_token"]), "invalid_grant")
    assert_refused(flyte.exchange(code), "invalid_grant")


def test_a_hash_that_is_renewed_at_a_sign_in_ends_nothing(flyte: FlyteClient, ada: User) -> None:
    tokens = flyte.sign_in()
    User.objects.update(password=PBKDF2PasswordHasher().encode("hers", "salt", iterations=7))

    assert Client().login(username="ada", password="hers", request=HttpRequest())

    ada.refresh_from_db()
    assert "$7$" not in ada.password
    assert subject_of_bearer(tokens["access_token"]) is not None


def test_a_user_who_was_deactivated_has_no_token_and_gets_none(flyte: FlyteClient, ada: User) -> None:
    tokens = flyte.sign_in()
    code = flyte.ask_for_code()["code"]
    device = flyte.ask_for_device()
    flyte.answer_device(device["user_code"])
    User.objects.update(is_active=False)

    assert subject_of_bearer(tokens["access_token"]) is None
    assert_refused(flyte.refresh(tokens["refresh_token"]), "invalid_grant")
    assert_refused(flyte.exchange(code), "invalid_grant")
    assert_refused(flyte.poll(device["device_code"]), "access_denied")


def test_the_code_of_a_device_works_once(flyte: FlyteClient) -> None:
    device = flyte.ask_for_device()
    flyte.answer_device(device["user_code"])
    assert flyte.poll(device["device_code"]).status_code == 200

    assert_refused(flyte.poll(device["device_code"]), "invalid_grant")


def test_the_code_of_a_device_ends_in_its_time(flyte: FlyteClient) -> None:
    device = flyte.ask_for_device()
    flyte.answer_device(device["user_code"])
    DeviceGrant.objects.update(expires=timezone.now() - timedelta(seconds=1))

    assert_refused(flyte.poll(device["device_code"]), "expired_token")


def test_a_code_that_somebody_else_has_typed_is_confirmed_by_nobody_else(flyte: FlyteClient) -> None:
    device = flyte.ask_for_device()
    found = flyte.browser.post("/oauth/device/", {"user_code": device["user_code"]})
    eve = Client()
    eve.force_login(User.objects.create_user("eve"))

    assert eve.post(found["Location"], {"action": "accept"}).status_code == 404


def test_codes_of_devices_are_bounded_in_number(flyte: FlyteClient, monkeypatch: Any) -> None:
    monkeypatch.setattr(oauth_views, "MAX_DEVICES", 2)
    flyte.ask_for_device()
    flyte.ask_for_device()

    assert flyte.ask_for_device()["error"] == "temporarily_unavailable"
    DeviceGrant.objects.update(expires=timezone.now() - timedelta(seconds=1))
    clients.clear_ended()
    assert "device_code" in flyte.ask_for_device()


def test_a_key_is_not_a_key_without_its_secret() -> None:
    key = create_key("ci", Role.ADMIN, project=None, expires_at=None, created_by="ada")
    other = create_key("other", Role.ADMIN, project=None, expires_at=None, created_by="ada")
    program = FlyteClient(Client())

    for secret in ("", "x", other.secret, key.secret[:-1]):
        headers = basic(key.client_id, secret)
        assert_refused(program.post_token(headers, grant_type="client_credentials"), "invalid_client")
    assert_refused(
        program.post_token(basic(key.client_id, key.secret), grant_type=DEVICE_GRANT, device_code="x"),
        "unauthorized_client",
    )


def test_a_key_that_has_ended_is_nothing_and_so_are_its_tokens() -> None:
    soon = timezone.now() + timedelta(hours=1)
    key = create_key("ci", Role.ADMIN, project=None, expires_at=soon, created_by="ada")
    program = FlyteClient(Client())
    headers = basic(key.client_id, key.secret)
    token = program.post_token(headers, grant_type="client_credentials").json()["access_token"]
    APIKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert subject_of_bearer(token) is None
    assert subject_of_bearer(key.encoded) is None
    assert_refused(program.post_token(headers, grant_type="client_credentials"), "invalid_client")
    APIKey.objects.update(expires_at=None)
    assert subject_of_bearer(token) is not None
    revoke_key("ci")
    assert subject_of_bearer(token) is None


TEXTS = st.text(max_size=40)
FORMS = st.dictionaries(
    st.sampled_from(["grant_type", "client_id", "code", "code_verifier", "refresh_token", "device_code",
                     "scope", "redirect_uri", "client_secret", "resource", "token", "audience"]),
    st.one_of(TEXTS, st.sampled_from(["authorization_code", "refresh_token", "client_credentials", DEVICE_GRANT,
                                      CLI_CLIENT, "all", "\x00", "a" * 5000])),
)  # fmt: skip


@hypothesis_settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(form=FORMS, header=st.one_of(st.none(), st.text("abcXYZ=: 09", max_size=30)), where=st.sampled_from(
    ["token", "device-authorization", "revoke"]))  # fmt: skip
def test_no_form_makes_an_endpoint_fail(form: dict[str, str], header: str | None, where: str) -> None:
    headers = {"Authorization": f"Basic {header}"} if header is not None else {}

    answer = Client(raise_request_exception=False).post(f"/oauth/{where}/", form, headers=headers)

    assert answer.status_code < 500, answer.content
    assert "access_token" not in answer.text


def test_the_challenge_of_the_tests_is_that_of_the_rfc() -> None:
    # RFC 7636, appendix B.
    assert (
        challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    )
