"""The unmodified client signs in at our own provider (FLYTEUI_AUTH=password), by each way that it knows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.server.commands import in_database
from tests.support.server.signed_in import SeenAddress, SignInServer, read_until

PASSWORD = "a-long-password-of-ada"
PEOPLE = f"""
from django.contrib.auth.models import User
from runs.models import Member
User.objects.create_user("ada", password={PASSWORD!r})
Member.objects.create(name="ada", role=3)
"""
END_ACCESS_TOKENS = """
from django.utils import timezone
from oauth2_provider.models import AccessToken
AccessToken.objects.update(expires=timezone.now())
"""
# Two calls with as much time between them as the test wants.
TWO_CALLS = """
import flyte, flyte.remote
flyte.init_from_config()
print("first", flyte.remote.User.get().subject(), flush=True)
input()
print("second", flyte.remote.User.get().subject(), flush=True)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[SignInServer]:
    server = SignInServer(home, FLYTEUI_AUTH="password")
    server.start()
    in_database(server, PEOPLE)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A browser on somebody's desk, where nobody has signed in yet. The certificate of the test is not in its store."""
    context = browser.new_context(ignore_https_errors=True)
    yield context.new_page()
    context.close()


def sign_in_if_asked(page: Page) -> None:
    if page.get_by_label("Password").count():
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()


def make_key(server: SignInServer, name: str, role: str, *options: str) -> dict[str, str]:
    """The parts of a key, as the command prints them."""
    done = server.manage("createkey", name, "--role", role, *options)
    assert done.returncode == 0, done.stderr
    found = re.search(
        r"FLYTE_API_KEY=(\S+).*clientId: (\S+).*FLYTE_CLIENT_SECRET=(\S+)", done.stdout, re.DOTALL
    )
    assert found, done.stdout
    return dict(zip(("encoded", "id", "secret"), found.groups(), strict=True))


def test_a_person_signs_in_with_the_browser_of_the_machine(
    server: SignInServer, home: Path, page: Page
) -> None:
    seen = SeenAddress(home)
    client = server.run_client(server.config("pkce"), "whoami", **seen.env)

    page.goto(seen.wait())
    sign_in_if_asked(page)
    expect(page.get_by_role("heading")).to_have_text("Let flyte act in your name?")
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url(f"{server.redirect}?*")

    assert "ada" in server.finish(client)


def test_a_person_signs_in_with_the_browser_of_another_machine(server: SignInServer, page: Page) -> None:
    client = server.run_client(server.config("device", authType="DeviceFlow"), "whoami")
    address = re.search(r"https://\S+", read_until(client, "/oauth/device/"))
    assert address

    page.goto(address.group())
    sign_in_if_asked(page)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading")).to_have_text("The program is signed in")

    assert "ada" in server.finish(client)


def test_a_program_goes_on_when_its_token_has_ended_without_asking_anybody(
    server: SignInServer, home: Path, page: Page
) -> None:
    seen = SeenAddress(home)
    client = server.run_script(server.config("refresh"), TWO_CALLS, **seen.env)
    page.goto(seen.wait())
    sign_in_if_asked(page)
    page.get_by_role("button", name="Allow").click()
    assert read_until(client, "first") == "first ada"
    seen.file.unlink()

    in_database(server, END_ACCESS_TOKENS)
    assert client.stdin is not None
    client.stdin.write("\n")
    client.stdin.flush()

    assert read_until(client, "second") == "second ada"
    assert not seen.file.exists()
    server.finish(client)


def test_a_key_signs_in_with_its_id_and_secret(server: SignInServer) -> None:
    key = make_key(server, "ci", "editor")
    config = server.config("secret", authType="ClientSecret", clientId=key["id"], clientSecretEnvVar="SECRET")

    assert "ci" in server.finish(server.run_client(config, "whoami", SECRET=key["secret"]))


def test_a_key_signs_in_by_the_variable_of_the_client(server: SignInServer) -> None:
    key = make_key(server, "in-a-variable", "editor")
    client = server.run_client(
        server.config("variable"),
        "--endpoint",
        f"dns:///localhost:{server.port}",
        "whoami",
        FLYTE_API_KEY=key["encoded"],
    )

    assert "in-a-variable" in server.finish(client)


def test_a_command_may_say_the_token(server: SignInServer, home: Path) -> None:
    (home / "token").write_text(make_key(server, "by-command", "viewer")["encoded"])
    config = server.config("command", authType="ExternalCommand", command=["cat", str(home / "token")])

    assert "by-command" in server.finish(server.run_client(config, "whoami"))


def test_a_wrong_secret_is_refused_by_the_client_in_words(server: SignInServer) -> None:
    config = server.config(
        "wrong", authType="ClientSecret", clientId="key-nobody", clientSecretEnvVar="SECRET"
    )

    printed = server.finish(server.run_client(config, "whoami", SECRET="wrong"), code=1)

    assert "invalid_client" in printed


def test_a_run_that_a_key_has_submitted_is_the_keys(server: SignInServer, home: Path) -> None:
    key = make_key(server, "deployer", "editor")
    config = server.config(
        "deployer", authType="ClientSecret", clientId=key["id"], clientSecretEnvVar="SECRET"
    )
    client = server.run_client(config, "run", "tests/workflows/plain.py", "main", SECRET=key["secret"])
    printed = server.finish(client).replace("\n", "")
    run = re.search(r"/runs/([a-z0-9-]+)", printed)
    assert run, printed

    server.wait_ended(run.group(1))

    assert (
        server.query("SELECT created_by FROM runs_run WHERE name = ?", run.group(1))[0]["created_by"]
        == "key:deployer"
    )


def test_a_key_is_a_bearer_for_curl_until_it_is_revoked(server: SignInServer) -> None:
    key = make_key(server, "curl", "viewer")

    def ask() -> httpx.Response:
        return httpx.post(
            f"{server.url}/flyteidl2.auth.IdentityService/UserInfo", json={}, verify=server.trust,
            headers={"authorization": f"Bearer {key['encoded']}"},
        )  # fmt: skip

    answer: Any = ask().json()
    assert answer["subject"] == "key:curl"
    server.manage("createkey", "curl", "--revoke")
    assert ask().status_code == httpx.codes.UNAUTHORIZED
