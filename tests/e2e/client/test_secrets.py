"""Secrets from the real client's command to the task that asks for them; their values are nowhere but there."""

from __future__ import annotations

import base64
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, expect

from runs.domain.phases import Phase
from tests.support import plain_http
from tests.support.server.server import Server, wait_until

FLOW = "tests/workflows/secret_holder.py"
TOKEN, TEXT = "e2e-correct-horse-battery", "-----BEGIN-----\ne2e-line-of-a-file\n-----END-----\n"
HERE = ("--project", "flytesnacks", "--domain", "development")
FORMS = [TOKEN, "e2e-line-of-a-file", base64.b64encode(TOKEN.encode()).decode()]


def leaks(folder: Path) -> list[str]:
    """The files below the folder that hold a value."""
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and any(form.encode() in path.read_bytes() for form in FORMS)
    ]


def create(server: Server, folder: Path) -> None:
    file = folder / "file.pem"
    file.write_text(TEXT)
    server.cli("create", "secret", "E2E-TOKEN", "--value", TOKEN, *HERE)
    server.cli("create", "secret", "E2E_FILE", "--from-file", str(file))


def test_a_secret_reaches_the_tasks_that_ask_for_it_and_nothing_else(
    server: Server, tmp_path: Path, page: Page
):
    create(server, tmp_path)

    run = server.submit(FLOW, "main")
    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]

    digest = hashlib.sha256((TOKEN + TEXT).encode()).hexdigest()[:8]
    said = "".join(server.cli("get", "io", run).split())
    assert f"{digest}{digest}{digest}nothingRuntimeUserErrorRuntimeUserError" in said.replace("│", "")
    assert "of its own: nothing" in server.output(run)
    (in_loop,) = server.named(run, "in_loop")
    (in_process,) = server.named(run, "in_process")
    for action in (in_loop, in_process):
        assert server.output(run, action["name"]) == "the token is •••• and the file is ••••\n\n"
    (failed,) = server.named(run, "fails")
    assert (failed["error_code"], failed["error_message"]) == ("ValueError", "refused for ••••")
    (absent,) = server.named(run, "asks_for_what_is_not_there")
    assert absent["error_code"] == "SecretNotFound"
    assert (
        "flyte create secret E2E_ABSENT --project flytesnacks --domain development" in absent["error_message"]
    )
    assert absent["started_at"] is None
    (retried,) = server.named(run, "fails_at_first")
    assert (Phase(retried["phase"]), retried["attempt"]) == (Phase.SUCCEEDED, 2)

    listed = server.cli("get", "secret")
    assert "E2E-TOKEN" in listed
    shown = [
        listed,
        server.cli("get", "secret", "E2E-TOKEN", *HERE),
        server.cli("get", "secret", *HERE),
        server.cli("get", "action", run),
        server.cli("get", "logs", run, in_loop["name"]),
        server.log.read_text(),
    ]
    page.goto(f"{server.url}/v2/domain/development/project/flytesnacks/runs/{run}?action={failed['name']}")
    expect(page.locator("#panel-pane")).to_contain_text("refused for ••••")
    shown.append(page.content())
    for path in ("/secrets/", "/secrets/?where=flytesnacks/development", "/audit/"):
        page.goto(server.url + path)
        expect(page.locator("h1")).to_be_visible()
        shown.append(page.content())
    assert not [text for text in shown if any(form in text for form in FORMS)]
    # The client's own folder has nothing of it either; the database is read with all that it has not written back.
    assert leaks(server.home) == []
    backup = tmp_path / "backup.zip"
    assert server.manage("backup", str(backup)).returncode == 0
    subprocess.run(["unzip", "-q", str(backup), "-d", str(tmp_path / "unpacked")], check=True)
    assert leaks(tmp_path / "unpacked") == []

    deleted = server.cli("delete", "secret", "E2E-TOKEN", *HERE)
    assert "Successfully deleted secret E2E-TOKEN" in deleted
    again = server.submit(FLOW, "in_loop")
    assert server.wait_ended(again) is Phase.FAILED
    assert "There is no secret 'E2E-TOKEN'" in server.actions(again)["a0"]["error_message"]
    server.cli("delete", "secret", "E2E_FILE")


def test_an_executor_that_was_killed_leaves_no_file_and_the_next_one_gets_the_secrets_anew(
    server: Server, tmp_path: Path
):
    create(server, tmp_path)
    run = server.submit(FLOW, "outlives_its_executor", "--gate", str(tmp_path / "gate"))

    def folders() -> list[Path]:
        return [
            Path(line.split()[1]) for line in server.output(run).splitlines() if line.startswith("folder ")
        ]

    wait_until(folders, "it has its file")
    (first,) = folders()
    assert (first / "E2E_FILE").exists()
    (executor,) = server.query(
        "SELECT e.pid FROM runs_executor e JOIN runs_action a ON a.executor_id = e.id "
        "JOIN runs_run r ON r.id = a.run_id WHERE r.name = ?",
        run,
    )
    os.kill(executor["pid"], signal.SIGKILL)
    wait_until(lambda: not first.exists(), "the worker removes what the executor left")
    (tmp_path / "gate").touch()

    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    digest = hashlib.sha256((TOKEN + TEXT).encode()).hexdigest()[:8]
    assert digest in server.cli("get", "io", run)
    assert leaks(server.home) == []
    assert not any(folder.exists() for folder in folders())
    server.cli("delete", "secret", "E2E-TOKEN", *HERE)
    server.cli("delete", "secret", "E2E_FILE")


def test_the_client_says_what_is_wrong(server: Server):
    server.cli("create", "secret", "E2E_TWICE", "--value", TOKEN)

    twice = server.cli("create", "secret", "E2E_TWICE", "--value", TOKEN, code=1)
    absent = server.cli("delete", "secret", "E2E_NOTHING", code=1)

    assert "Resource already exists" in twice  # the client's own words
    assert "there is no secret 'E2E_NOTHING' of the organisation" in " ".join(absent.split())
    assert TOKEN not in twice
    server.cli("delete", "secret", "E2E_TWICE")
    flyte = [str(Path(sys.executable).with_name("flyte")), "--config", str(server.home / "config.yaml")]
    asked = subprocess.run(
        [*flyte, "create", "secret", "E2E_ASKED"],
        check=False,
        env=server.env,
        input=f"{TOKEN}\n",
        capture_output=True,
        text=True,
    )
    assert "E2E_ASKED" in server.cli("get", "secret"), asked


def test_a_secret_is_made_and_deleted_in_the_browser(server: Server, page: Page):
    page.goto(f"{server.url}/secrets/")
    page.get_by_role("link", name="New secret").click()
    page.get_by_label("Name").fill("E2E_PAGE")
    page.get_by_label("Value", exact=True).fill(TOKEN)
    assert page.get_by_label("Value", exact=True).get_attribute("type") == "password"
    page.get_by_role("button", name="Create").click()
    row = page.locator("tr", has_text="E2E_PAGE")
    expect(row).to_contain_text("flytesnacks/development")
    assert TOKEN not in page.content()

    row.get_by_role("link", name="Delete").click()
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("Delete the secret E2E_PAGE?")
    dialog.get_by_role("button", name="Keep").click()
    expect(dialog).to_have_count(0)
    row.get_by_role("link", name="Delete").click()
    page.locator("dialog[open]").get_by_role("button", name="Delete").click()
    expect(page.locator("tr", has_text="E2E_PAGE")).to_have_count(0)
    assert plain_http.get(f"{server.url}/secrets/delete/E2E_PAGE/development/flytesnacks").status_code == 404
