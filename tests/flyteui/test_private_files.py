"""Other users of the machine cannot read what we write, and user code keeps the umask of its user."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flyteui.settings import keep_files_private, make_home
from runs.store import storage


@pytest.fixture
def umask(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has not loaded our settings."""
    monkeypatch.delenv("FLYTEUI_USER_UMASK")
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_process_remembers_the_umask_of_its_user_for_those_that_it_starts(umask: None):
    assert keep_files_private() == 0o022
    assert os.environ["FLYTEUI_USER_UMASK"] == "022"
    assert keep_files_private() == 0o022  # as a child does, which inherits ours
    assert os.umask(0o077) == 0o077


def test_the_home_folder_is_its_owners_also_when_it_was_there(umask: None, tmp_path: Path):
    there = tmp_path / "there"
    there.mkdir(0o755)

    assert mode(make_home(there)) == 0o700
    keep_files_private()
    assert mode(make_home(tmp_path / "not" / "yet")) == 0o700
    assert mode(tmp_path / "not") == 0o700


def test_what_is_stored_is_its_owners(umask: None, tmp_path: Path, settings: Any):
    keep_files_private()
    settings.STORAGE_URL = f"file://{tmp_path}/storage"
    uploaded = storage.new_temporary_file()
    storage.put_file(uploaded, f"file://{tmp_path}/storage/_uploads/p/x")
    storage.write_bytes(f"file://{tmp_path}/storage/_inputs/p/y", b"")

    made = [*(tmp_path / "storage").rglob("*")]

    assert {mode(path) for path in made if path.is_file()} == {0o600}
    assert {mode(path) for path in made if path.is_dir()} == {0o700}
