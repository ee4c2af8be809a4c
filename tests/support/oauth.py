"""The flyte client's side of our OAuth provider, request by request, so that tests can send wrong ones."""

from __future__ import annotations

import base64
import hashlib
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client

from runs.access.oauth.clients import CLI_CLIENT, DEVICE_GRANT, register_cli_client

VERIFIER = "a-verifier-" + "v" * 50
FORM = "application/x-www-form-urlencoded"
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?')


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def authorize_address(**changes: str | None) -> str:
    """The address that the client opens in a browser. A parameter that is None is left out."""
    asked = {
        "client_id": CLI_CLIENT,
        "response_type": "code",
        "scope": "all",
        "redirect_uri": django_settings.CLI_REDIRECT_URI,
        "state": "some-state",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        **changes,
    }
    return (
        f"/oauth/authorize/?{urlencode({name: value for name, value in asked.items() if value is not None})}"
    )


def hidden_fields(page: str) -> dict[str, str]:
    """The hidden fields of the form of a page."""
    return {name: unescape(value) for name, value in HIDDEN.findall(page) if name != "csrfmiddlewaretoken"}


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


class FlyteClient:
    """As the flyte client, with a browser in which somebody has signed in."""

    def __init__(self, browser: Client) -> None:
        register_cli_client()
        self.browser = browser
        self.program = Client()

    def ask_for_code(self, **changes: str | None) -> dict[str, str]:
        """Open the page, allow it; what comes back to the program: code and state."""
        address = authorize_address(**changes)
        page = self.browser.get(address)
        assert page.status_code == 200, page.content
        answer = self.browser.post(address, {**hidden_fields(page.text), "allow": "true"})
        assert answer.status_code == 302, answer.content
        return query_of(answer["Location"])

    def _post(self, path: str, form: dict[str, str], headers: dict[str, str] | None = None) -> Any:
        return self.program.post(path, urlencode(form), FORM, headers=headers or {})

    def post_token(self, headers: dict[str, str] | None = None, **form: str) -> Any:
        return self._post("/oauth/token/", form, headers)

    def exchange(self, code: str, **changes: str) -> Any:
        return self._post("/oauth/token/", {
            "grant_type": "authorization_code",
            "client_id": CLI_CLIENT,
            "redirect_uri": django_settings.CLI_REDIRECT_URI,
            "code_verifier": VERIFIER,
            "code": code,
            **changes,
        })  # fmt: skip

    def sign_in(self) -> dict[str, Any]:
        """The tokens of the whole flow."""
        tokens: dict[str, Any] = self.exchange(self.ask_for_code()["code"]).json()
        return tokens

    def refresh(self, refresh_token: str) -> Any:
        return self.post_token(grant_type="refresh_token", client_id=CLI_CLIENT, refresh_token=refresh_token)

    def ask_for_device(self) -> dict[str, Any]:
        asked: dict[str, Any] = self._post(
            "/oauth/device-authorization/", {"client_id": CLI_CLIENT, "scope": "all"}
        ).json()
        return asked

    def answer_device(self, user_code: str, action: str = "accept") -> Any:
        """Type the code and answer; the last page."""
        found = self.browser.post("/oauth/device/", {"user_code": user_code})
        assert found.status_code == 302, found.content
        return self.browser.post(found["Location"], {"action": action}, follow=True)

    def poll(self, device_code: str) -> Any:
        return self.post_token(grant_type=DEVICE_GRANT, client_id=CLI_CLIENT, device_code=device_code)


def basic(client_id: str, secret: str) -> dict[str, str]:
    """The header with which the client proves a key."""
    return {"Authorization": f"Basic {base64.b64encode(f'{client_id}:{secret}'.encode()).decode()}"}


@pytest.fixture
def password_mode(settings: Any) -> None:
    settings.AUTH = "password"


@pytest.fixture
def ada(password_mode: None, transactional_db: None) -> User:
    return User.objects.create_user("ada")


@pytest.fixture
def flyte(ada: User) -> FlyteClient:
    """The client of ada, who has signed in with her browser."""
    browser = Client()
    browser.force_login(ada)
    return FlyteClient(browser)
