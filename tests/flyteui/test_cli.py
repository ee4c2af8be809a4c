"""The plugins of the flyte command."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import rich_click as click
from click.testing import CliRunner
from flyte.cli.main import main as flyte_cli

from flyteui.cli import REASON, address_of, extend_abort, start_ui

PLATFORM = SimpleNamespace(endpoint="dns:///localhost:8000", insecure=True)
SCOPE = SimpleNamespace(project="flytesnacks", domain="development")
CONFIG = SimpleNamespace(endpoint=None, insecure=None, config=SimpleNamespace(platform=PLATFORM, task=SCOPE))
RUN = {"project": "flytesnacks", "domain": "development", "name": "r1"}
Calls = list[tuple[str, dict[str, Any]]]


def group(calls: Calls) -> click.Group:
    """A group in the shape of flyte's `abort`."""

    @click.group()
    def abort() -> None:
        """Abort an ongoing process."""

    @abort.command()
    @click.argument("run-name")
    @click.option("--reason", default="old")
    def run(**said: Any) -> None:
        calls.append(("run", said))

    @abort.command()
    @click.argument("run-name")
    @click.argument("action-name")
    @click.option("--reason", default="old")
    def action(**said: Any) -> None:
        calls.append(("action", said))

    extend_abort(abort)
    return abort


@pytest.mark.parametrize(
    ("line", "command", "said"),
    [
        ("run r1", "run", {"run_name": "r1", "reason": "old"}),
        ("action r1 a0", "action", {"run_name": "r1", "action_name": "a0", "reason": "old"}),
        ("run run", "run", {"run_name": "run", "reason": "old"}),
        ("action run a0", "action", {"run_name": "run", "action_name": "a0", "reason": "old"}),
        ("r1 a0", "action", {"run_name": "r1", "action_name": "a0", "reason": REASON}),
        ("r1 a0 --reason why", "action", {"run_name": "r1", "action_name": "a0", "reason": "why"}),
        ("--reason why r1 a0", "action", {"run_name": "r1", "action_name": "a0", "reason": "why"}),
        ("r1", "run", {"run_name": "r1", "reason": REASON}),
    ],
)
def test_abort_takes_names_and_its_own_commands(line: str, command: str, said: dict[str, str]) -> None:
    calls: Calls = []

    result = CliRunner().invoke(group(calls), line.split())

    assert result.exit_code == 0, result.output
    [(called, given)] = calls
    assert called == command
    assert {key: value for key, value in given.items() if value is not None} == said


@pytest.mark.parametrize(
    ("line", "method", "body"),
    [
        ("r1 a0 --force", "AbortAction", {"actionId": {"run": RUN, "name": "a0"}}),
        ("--force r1", "AbortRun", {"runId": RUN}),
    ],
)
def test_force_asks_the_server_itself(
    monkeypatch: pytest.MonkeyPatch, line: str, method: str, body: dict[str, Any]
) -> None:
    asked: list[tuple[str, Any, str]] = []

    def answer(url: str, json: Any, headers: dict[str, str], **rest: Any) -> httpx.Response:
        asked.append((url, json, headers["x-flyteui-force"]))
        return httpx.Response(200, headers={"x-flyteui-outcome": "forced"}, json={})

    monkeypatch.setattr(httpx, "post", answer)
    result = CliRunner().invoke(group([]), line.split(), obj=CONFIG)

    assert result.exit_code == 0, result.output
    url = f"http://localhost:8000/flyteidl2.workflow.RunService/{method}"
    assert asked == [(url, {**body, "reason": REASON}, "1")]
    assert "without its grace periods" in result.output


def test_force_says_what_the_server_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = httpx.Response(404, json={"message": "there is no run 'r1'"})
    monkeypatch.setattr(httpx, "post", lambda *args, **said: refusal)

    result = CliRunner().invoke(group([]), ["r1", "--force"], obj=CONFIG)

    assert result.exit_code == 1
    assert "there is no run 'r1'" in result.output


def test_force_shows_a_key_and_says_so_where_one_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str | None] = []

    def post(url: str, *, headers: dict[str, str], **said: Any) -> httpx.Response:
        shown.append(headers.get("authorization"))
        return httpx.Response(401 if shown[-1] is None else 200)

    monkeypatch.setattr(httpx, "post", post)
    without = CliRunner().invoke(group([]), ["r1", "--force"], obj=CONFIG)
    with_key = CliRunner().invoke(group([]), ["r1", "--force"], obj=CONFIG, env={"FLYTE_API_KEY": "k3y"})

    assert shown == [None, "Bearer k3y"]
    assert (without.exit_code, with_key.exit_code) == (1, 0)
    assert "FLYTE_API_KEY" in without.output


@pytest.mark.parametrize(
    ("endpoint", "insecure", "address"),
    [
        ("http://h:1/", False, "http://h:1"),
        ("dns:///h:1", True, "http://h:1"),
        ("dns:///h", False, "https://h"),
        ("h:1", True, "http://h:1"),
    ],
)
def test_endpoints_are_read_as_the_client_reads_them(endpoint: str, insecure: bool, address: str) -> None:
    assert address_of(endpoint, insecure=insecure) == address


@pytest.mark.parametrize("line", ["r1 a0 more", "--colour red r1", "run"])
def test_what_means_nothing_is_refused(line: str) -> None:
    calls: Calls = []

    assert CliRunner().invoke(group(calls), line.split()).exit_code == 2
    assert calls == []


def test_flyte_itself_knows_both_plugins() -> None:
    aborting = CliRunner().invoke(flyte_cli, ["abort", "--help"])
    starting = CliRunner().invoke(flyte_cli, ["start", "ui", "--help"])

    assert "ACTION-NAME" in aborting.output
    assert "FLYTEUI_HOME" in starting.output


def test_start_ui_becomes_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda *given: started.append(given))

    result = CliRunner().invoke(start_ui, ["--port", "8123"])

    assert result.exit_code == 0, result.output
    [(program, arguments, env)] = started
    assert (program, arguments[1:]) == (sys.executable, ["-m", "django", "up"])
    assert (env["FLYTEUI_PORT"], env["DJANGO_SETTINGS_MODULE"]) == ("8123", "flyteui.settings")
