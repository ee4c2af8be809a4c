"""The command `flyteui`: its help, its options, and whom it hands over to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flyteui import main
from tests import pythons
from tests.support.server.server import ROOT, clean_environment


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """What was handed to Django: as which program, and with which arguments."""
    calls: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(main, "run_django", lambda arguments, *, program: calls.append((program, arguments)))
    monkeypatch.setattr(main, "hide_options_of_django", lambda: None)
    return calls


def call(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr(sys, "argv", ["flyteui", *line.split()])
    main.main()


@pytest.mark.parametrize("line", ["", "help", "--help"])
def test_help_names_every_command_with_what_it_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str
):
    call(monkeypatch, line)

    said = capsys.readouterr().out
    for group, commands in main.COMMANDS.items():
        assert f"\n{group}\n" in said
        for name, what in commands.items():
            assert f"  {name:<14}{what}\n" in said


def test_the_version_is_that_of_the_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    call(monkeypatch, "--version")

    assert capsys.readouterr().out == "flyteui 0.2.0\n"


@pytest.mark.parametrize(
    ("line", "program", "arguments"),
    [
        ("up", "flyteui", ["up", "--demo"]),
        ("up --no-demo", "flyteui", ["up", "--no-demo"]),
        ("up --help", "flyteui", ["up", "--help"]),
        ("abort run1 a0 --reason why", "flyteui", ["abort", "run1", "a0", "--reason", "why"]),
        ("manage shell -c pass", "flyteui manage", ["shell", "-c", "pass"]),
        ("manage", "flyteui manage", ["help"]),
    ],
)
def test_a_command_is_djangos(
    monkeypatch: pytest.MonkeyPatch,
    called: list[tuple[str, list[str]]],
    line: str,
    program: str,
    arguments: list[str],
):
    call(monkeypatch, line)

    assert called == [(program, arguments)]


@pytest.mark.parametrize("line", ["--port 8123 --home there up", "up --port=8123 --home there"])
def test_three_settings_are_options_of_each_command(
    monkeypatch: pytest.MonkeyPatch, called: list[tuple[str, list[str]]], line: str
):
    monkeypatch.setattr(os, "environ", dict(os.environ))

    call(monkeypatch, line)

    assert called == [("flyteui", ["up", "--demo"])]
    assert os.environ["FLYTEUI_PORT"] == "8123"
    # Absolute: the processes that are started may be elsewhere.
    assert os.environ["FLYTEUI_HOME"] == str(Path("there").absolute())


def test_the_arguments_of_others_are_left_to_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))

    left = main.take_settings(
        ["--port", "8123", "flyte", "run", "x.py", "main", "--port", "9", "--home", "h"]
    )

    assert left == ["flyte", "run", "x.py", "main", "--port", "9", "--home", "h"]
    assert os.environ["FLYTEUI_PORT"] == "8123"


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = clean_environment() | {"FLYTEUI_HOME": str(home), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "flyteui.main", *arguments],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("command", ["doctor", "renewsecrets"])
def test_a_home_without_tables_is_told_in_words(tmp_path: Path, command: str):
    done = run(tmp_path, command)

    assert done.returncode == 1
    assert done.stderr.startswith(f"flyteui: the database of {tmp_path} is not made yet")
    assert "Traceback" not in done.stderr


def test_what_a_command_refuses_is_said_without_the_names_of_classes(tmp_path: Path):
    done = run(tmp_path, "restore", "nowhere.zip", "--port", "1")

    assert done.returncode == 1
    assert done.stderr.startswith("flyteui: ")
    assert "CommandError" not in done.stderr


def test_the_help_of_a_command_has_its_own_options_alone(tmp_path: Path):
    said = run(tmp_path, "doctor", "--help").stdout

    assert "--json" in said
    assert [option for option in main.DJANGOS_OPTIONS if option in said] == []


def test_an_unknown_command_says_where_commands_are(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(SystemExit, match=r"no command 'migrations'; `flyteui help` lists them"):
        call(monkeypatch, "migrations")


def test_of_each_python_the_newest_that_fits_is_tested():
    def one(version: str, path: str, implementation: str = "cpython", key: str = "") -> dict[str, str]:
        return {"version": version, "path": path, "implementation": implementation, "key": key}

    found = pythons.newest(
        [
            one("3.11.2", "too-old"),
            one("3.13.0", "b"),
            one("3.12.10", "newest-12"),
            one("3.12.9", "older-12"),
            one("3.14.0rc1", "unreleased"),
            one("3.13.4", "free", key="cpython-3.13.4+freethreaded-linux"),
            one("3.12.11", "pypy", implementation="pypy"),
        ]
    )

    assert found == {"3.12.10": "newest-12", "3.13.0": "b"}
