"""What `flyteui up` says to somebody who has just started it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runs.management.commands.up import line_to_run


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings) -> Path:
    """The folder of a virtual environment in which flyteui is installed; the path of programs is empty."""
    settings.IS_INSTALLED, settings.OPTIONS = True, []
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("flyteui", "flyte"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", "/nowhere")
    return folder


def test_programs_on_the_path_are_called_by_their_names(programs: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(programs))

    line = line_to_run(Path("config.yaml"))

    assert line.startswith("flyteui flyte run FILE.py TASK ")
    assert line.endswith("(or `flyteui config --write`, once, and then `flyte run FILE.py TASK`)")


def test_others_by_their_paths(programs: Path):
    line = line_to_run(Path("config.yaml"))

    assert line.startswith(f"{programs}/flyteui flyte run FILE.py TASK ")
    assert line.endswith(
        f"(or `{programs}/flyteui config --write`, once, and then `{programs}/flyte run FILE.py TASK`)"
    )
