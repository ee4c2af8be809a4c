"""The client's configuration: what it says, and that we know which file the client reads as the client does."""

from __future__ import annotations

import html
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from flyte.config import Config
from flyte.config._reader import resolve_config_path

from runs.store import client_config

PLACES: dict[str, Callable[[Path, Path], Path]] = {
    "here": lambda here, home: here / "config.yaml",
    "of the project": lambda here, home: here / ".flyte/config.yaml",
    "of the repository": lambda here, home: here.parent / ".flyte/config.yaml",
    "union": lambda here, home: home / ".union/config.yaml",
    "flyte": lambda here, home: home / ".flyte/config.yaml",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in a git repository, with a home beside it."""
    folder = tmp_path / "repository" / "folder"
    folder.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", folder.parent], check=True)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return folder


@pytest.mark.parametrize("named", ["", "UCTL_CONFIG", "FLYTECTL_CONFIG"])
@pytest.mark.parametrize("first", range(len(PLACES) + 1))
def test_the_client_reads_what_we_say_that_it_reads(
    here: Path, monkeypatch: pytest.MonkeyPatch, first: int, named: str
):
    """With files in all places from `first` on."""
    home = here.parent.parent / "home"
    for place in list(PLACES.values())[first:]:
        file = place(here, home)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("task:\n  project: p\n")
    environment = {named: str(here / "named.yaml")} if named else {}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (here / "named.yaml").write_text("")

    read = resolve_config_path()
    ours = client_config.read_by_client(here, environment)

    assert (ours and ours.resolve()) == (read and read.resolve())


def test_the_client_understands_it(tmp_path: Path):
    file = tmp_path / "config.yaml"
    file.write_text(client_config.render())

    config = Config.auto(file)

    assert config.platform.endpoint == "http://localhost:8000"
    assert config.platform.insecure is True
    assert (config.task.project, config.task.domain) == ("flytesnacks", "development")


@pytest.mark.django_db
def test_a_page_without_runs_shows_the_same(client: Client, settings: Any):
    settings.IS_HTTPS, settings.PUBLIC_URL = True, "https://flyte.example.com"

    page = client.get("/v2/domain/staging/project/flytesnacks/runs").content.decode()

    assert client_config.render("flytesnacks", "staging") in html.unescape(page)
    assert "domain: staging" in page
    assert "insecure" not in page


def test_a_file_that_is_there_is_asked_about(here: Path, monkeypatch: pytest.MonkeyPatch):
    file = here / "there.yaml"
    file.write_text("mine\n")
    monkeypatch.setattr("builtins.input", lambda _: "n")

    with pytest.raises(CommandError, match="was not changed"):
        call_command("config", "--write", str(file))

    assert file.read_text() == "mine\n"
    monkeypatch.setattr("builtins.input", lambda _: "y")
    call_command("config", "--write", str(file))
    assert file.read_text() == client_config.render()
    assert (here / "there.yaml.before").read_text() == "mine\n"


def test_what_says_the_same_already_is_left_alone(here: Path, capsys: pytest.CaptureFixture[str]):
    for _ in range(2):
        call_command("config", "--write", str(here / "new" / "config.yaml"))

    assert "says so already" in capsys.readouterr().out
    assert not (here / "new" / "config.yaml.before").exists()
