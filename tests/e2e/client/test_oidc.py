"""People and the unmodified client sign in at a real OpenID Connect provider (FLYTEUI_AUTH=oidc), whose groups give them roles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.server.real_provider import API, real_provider
from tests.support.server.signed_in import SeenAddress, SignInServer, read_until

RUNS = "/v2/domain/development/project/flytesnacks/runs"
GROUPS = {"ada": ["ops"], "eve": []}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[SignInServer]:
    server = SignInServer(
        home,
        FLYTEUI_AUTH="oidc",
        FLYTEUI_OIDC_CLIENT_ID="flyteui",
        FLYTEUI_OIDC_CLIENT_SECRET="secret-of-pages",
        FLYTEUI_OIDC_SCOPES="openid",
        FLYTEUI_OIDC_CLI_CLIENT_ID="flyte-cli",
        FLYTEUI_OIDC_CLI_SCOPES="openid",
        FLYTEUI_OIDC_AUDIENCE=API,
        FLYTEUI_OIDC_ROLES="ops=operator@flytesnacks",
    )
    pages = f"{server.url}/oidc/callback"
    with real_provider(pages=pages, cli=server.redirect, groups=GROUPS) as issuer:
        server.env["FLYTEUI_OIDC_ISSUER"] = issuer
        server.start()
        yield server
        server.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A browser in which nobody has signed in anywhere. The certificate of the test is not in its store."""
    context = browser.new_context(ignore_https_errors=True)
    yield context.new_page()
    context.close()


def sign_in_there(page: Page, name: str) -> None:
    """The provider's own pages: a name, any password, and consent."""
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()


def test_a_person_signs_in_at_the_provider_and_gets_to_the_page_that_was_asked_for(
    server: SignInServer, page: Page
) -> None:
    page.goto(f"{server.url}{RUNS}")
    page.get_by_role("link", name="Sign in at").click()
    sign_in_there(page, "ada")

    expect(page).to_have_url(f"{server.url}{RUNS}")
    expect(page.get_by_role("banner")).to_contain_text("ada")


def test_the_client_is_sent_to_the_provider_and_has_the_roles_of_its_groups(
    server: SignInServer, home: Path, page: Page
) -> None:
    seen = SeenAddress(home)
    client = server.run_client(server.config("pkce"), "get", "run", **seen.env)
    address = seen.wait()
    assert "/auth?" in address

    page.goto(address)
    sign_in_there(page, "ada")
    page.wait_for_url(f"{server.redirect}?*")

    server.finish(client)


def test_a_person_without_a_role_signs_in_and_is_told_which_one_is_missing(
    server: SignInServer, page: Page
) -> None:
    config = server.config("device", authType="DeviceFlow")
    client = server.run_client(config, "run", "tests/workflows/plain.py", "main")
    address = re.search(r"http://\S+", read_until(client, "/device?"))
    assert address

    page.goto(address.group())
    page.get_by_role("button", name="Continue").click()
    sign_in_there(page, "eve")

    printed = server.finish(client, code=1)
    said = re.sub(r"[│\s]+", " ", printed)
    assert "takes the role editor in project 'flytesnacks', which eve does not have" in said


def test_a_program_signs_in_with_the_credentials_that_it_has_at_the_provider(server: SignInServer) -> None:
    config = server.config("robot", authType="ClientSecret", clientId="robot", clientSecretEnvVar="SECRET")

    printed = server.finish(server.run_client(config, "whoami", SECRET="secret-of-robot"))

    assert "robot@http://localhost:" in printed.replace("\n", "")


def test_a_token_of_the_provider_for_another_program_is_refused(server: SignInServer) -> None:
    def ask(resource: str) -> int:
        given = httpx.post(
            f"{server.env['FLYTEUI_OIDC_ISSUER']}/token",
            data={"grant_type": "client_credentials", "resource": resource},
            auth=("robot", "secret-of-robot"),
        ).json()
        return httpx.post(
            f"{server.url}/flyteidl2.auth.IdentityService/UserInfo", json={}, verify=server.trust,
            headers={"authorization": f"Bearer {given['access_token']}"},
        ).status_code  # fmt: skip

    assert ask(API) == httpx.codes.OK
    assert ask("https://other.example/api") == httpx.codes.UNAUTHORIZED
