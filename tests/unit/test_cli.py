"""The plugins of the flyte command."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
import rich_click as click
from click.testing import CliRunner
from flyte.cli.main import main as flyte_cli

from flyteui.cli import REASON, extend_abort, start_ui

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
