"""Signing in at an identity provider, and what a provider, or somebody between, could get wrong."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from runs.access.oidc import provider as its
from tests.support.made_up_provider import PAGES, MadeUpProvider, make_key
from tests.support.oauth import challenge_of, query_of

pytestmark = pytest.mark.usefixtures("transactional_db")
CALLBACK = "http://localhost:8000/oidc/callback"


def start(browser: Client, where: str = "/") -> dict[str, str]:
    """What the browser brings to the provider."""
    answer = browser.get("/oidc/sign-in", {"next": where})
    assert answer.status_code == 302, answer.text
    return query_of(answer["Location"])


def come_back(
    browser: Client,
    provider: MadeUpProvider,
    asked: dict[str, str],
    token: dict[str, Any] | None = None,
    **claims: Any,
) -> Any:
    """The provider gives a code, and an ID token for it: a good one, but for these claims."""
    good = {"aud": PAGES, "nonce": asked["nonce"], "preferred_username": "ada", "groups": ["ops"]}
    provider.token = {
        "access_token": "opaque",
        "token_type": "Bearer",
        "id_token": provider.sign(provider.claims(**{**good, **claims})),
    }
    if token is not None:
        provider.token = token
    return browser.get("/oidc/callback", {"code": "a-code", "state": asked["state"]})


def who(browser: Client) -> str | None:
    return browser.session.get("_auth_user_id")


def test_a_browser_goes_to_the_provider_and_comes_back_signed_in(provider: MadeUpProvider) -> None:
    browser = Client()
    asked = start(browser, "/executors/?x=1")

    answer = come_back(browser, provider, asked)

    assert (answer.status_code, answer["Location"]) == (303, "/executors/?x=1")
    user = User.objects.get()
    assert who(browser) == str(user.pk)
    assert (user.username, [group.name for group in user.groups.all()]) == ("ada", ["ops"])
    assert (asked["redirect_uri"], asked["scope"]) == (CALLBACK, "openid profile email")
    assert asked["code_challenge"] == challenge_of(provider.posted["code_verifier"])
    assert (provider.posted["code"], provider.posted["redirect_uri"]) == ("a-code", CALLBACK)


@pytest.mark.parametrize(
    "where",
    [
        "http://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "https:evil.example",
        "",
    ],
)
def test_nobody_is_sent_elsewhere_after_signing_in(provider: MadeUpProvider, where: str) -> None:
    browser = Client()

    answer = come_back(browser, provider, start(browser, where))

    assert answer["Location"] == "/"


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-program"},
        {"aud": ["another-program"], "azp": PAGES},
        {"iss": "http://127.0.0.1:1"},
        {"exp": -3600},
        {"sub": None},
    ],
    ids=str,
)
def test_an_id_token_that_is_not_for_this_sign_in_is_refused(provider: MadeUpProvider, claims: Any) -> None:
    browser = Client()

    answer = come_back(browser, provider, start(browser), **claims)

    assert answer.status_code == 401
    assert who(browser) is None
    assert not User.objects.exists()


def test_an_id_token_that_somebody_else_has_signed_is_refused(provider: MadeUpProvider) -> None:
    browser = Client()
    asked = start(browser)
    good = provider.claims(aud=PAGES, nonce=asked["nonce"])
    forged = provider.sign(good, key=make_key("stranger"), kid="one")

    answer = come_back(
        browser, provider, asked, {"access_token": "x", "token_type": "Bearer", "id_token": forged}
    )

    assert (answer.status_code, who(browser)) == (401, None)


@pytest.mark.parametrize(
    "token",
    [
        {"access_token": "x", "token_type": "Bearer"},
        {"error": "invalid_grant"},
        {},
        {"id_token": "x.y.z", "access_token": "x"},
    ],
    ids=str,
)
def test_an_answer_without_an_id_token_signs_nobody_in(
    provider: MadeUpProvider, token: dict[str, Any]
) -> None:
    browser = Client()

    answer = come_back(browser, provider, start(browser), token)

    assert (answer.status_code, who(browser)) == (401, None)


def test_a_code_that_another_browser_has_asked_for_is_refused(provider: MadeUpProvider) -> None:
    victim, attacker = Client(), Client()
    start(victim)

    answer = come_back(victim, provider, start(attacker))

    assert (answer.status_code, who(victim)) == (401, None)
    assert provider.asked["/token"] == 0


def test_a_state_works_once(provider: MadeUpProvider) -> None:
    browser = Client()
    asked = start(browser)
    come_back(browser, provider, asked)
    browser.logout()

    assert come_back(browser, provider, asked).status_code == 401


def test_what_the_provider_says_of_a_refusal_is_shown_as_text(provider: MadeUpProvider) -> None:
    browser = Client()
    start(browser)

    answer = browser.get("/oidc/callback", {"error": "access_denied", "error_description": "<b>not you</b>"})

    assert answer.status_code == 401
    assert "&lt;b&gt;not you&lt;/b&gt;" in answer.text


def test_the_session_before_signing_in_is_not_the_one_after(provider: MadeUpProvider) -> None:
    browser = Client()
    asked = start(browser)
    before = browser.cookies["sessionid"].value

    come_back(browser, provider, asked)

    assert browser.cookies["sessionid"].value != before


def test_a_user_who_was_deactivated_is_told_so(provider: MadeUpProvider) -> None:
    come_back(browser := Client(), provider, start(browser))
    User.objects.update(is_active=False)

    answer = come_back(other := Client(), provider, start(other))

    assert (answer.status_code, who(other)) == (401, None)
    assert "ada was deactivated here" in answer.text.lower()


def test_a_provider_that_is_down_is_named(provider: MadeUpProvider) -> None:
    provider.is_down = True

    answer = Client().get("/oidc/sign-in")

    assert answer.status_code == 503
    assert f"does not answer at {provider.issuer}" in answer.text


def test_a_provider_that_signs_with_shared_secrets_only_is_refused(provider: MadeUpProvider) -> None:
    provider.metadata["id_token_signing_alg_values_supported"] = ["HS256", "none"]

    answer = Client().get("/oidc/sign-in")

    assert answer.status_code == 503
    assert "signs with" in answer.text


def test_a_provider_that_takes_the_secret_in_the_form_only_gets_it_there(provider: MadeUpProvider) -> None:
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    browser = Client()

    assert come_back(browser, provider, start(browser)).status_code == 303
    assert provider.posted["client_secret"] == "secret-of-pages"


def test_the_document_of_the_provider_is_fetched_once(provider: MadeUpProvider) -> None:
    for _ in range(3):
        start(Client())

    assert provider.asked == {"/.well-known/openid-configuration": 1, "/jwks": 1}
    assert its.metadata()["id_token_signing_alg_values_supported"] == ["RS256"]


@pytest.mark.parametrize("path", ["/oidc/sign-in", "/oidc/callback?code=x&state=y"])
def test_nobody_signs_in_at_a_provider_in_other_modes(
    provider: MadeUpProvider, settings: Any, path: str
) -> None:
    settings.AUTH = "password"

    assert Client().get(path).status_code == 404


def test_the_page_to_sign_in_leads_to_the_provider_and_takes_no_password(provider: MadeUpProvider) -> None:
    User.objects.create_superuser("root", password="a-password")

    page = Client().get("/sign-in/", {"next": "/executors/?x=1"})

    assert 'href="/oidc/sign-in?next=%2Fexecutors%2F%3Fx%3D1"' in page.text
    assert f"Sign in at {provider.issuer.removeprefix('http://')}" in page.text
    assert "password" not in page.text.lower()
    answer = Client().post("/sign-in/", {"username": "root", "password": "a-password"})
    assert (answer.status_code, answer.cookies.get("sessionid")) == (400, None)


def test_a_page_leads_to_the_sign_in_and_back(provider: MadeUpProvider) -> None:
    answer = Client().get("/executors/")

    assert answer["Location"] == "/sign-in/?next=%2Fexecutors%2F"
