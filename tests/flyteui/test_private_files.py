"""Other users of the machine cannot read what we write, and user code keeps the umask of its user."""

from __future__ import annotations

import os
import stat
import struct
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


USER_OBJ, USER, GROUP_OBJ, MASK, OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
ALL, NONE, NOBODY = 7, 0, 0xFFFFFFFF


def let_in(folder: Path, uid: int) -> None:
    """As `setfacl -m d:u:<uid>:rwX` does: of what is made in there, this user is let in too."""
    entries = [
        (USER_OBJ, ALL, NOBODY),
        (USER, ALL, uid),
        (GROUP_OBJ, NONE, NOBODY),
        (MASK, ALL, NOBODY),
        (OTHER, NONE, NOBODY),
    ]
    value = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(folder, "system.posix_acl_default", value)
    except OSError as error:
        pytest.skip(f"no access lists here: {error}")


def test_whom_the_access_list_of_the_storage_lets_in_is_let_in_to_all_of_it(
    umask: None, tmp_path: Path, settings: Any
):
    """The user of executors (docs/how-to/deploy.md). The group's bits are then the most that the list gives."""
    keep_files_private()
    root = tmp_path / "storage"
    root.mkdir()
    let_in(root, 12345)
    settings.STORAGE_URL = f"file://{root}"
    uploaded = storage.new_temporary_file()
    storage.put_file(uploaded, f"file://{root}/_uploads/p/x")
    storage.write_bytes(f"file://{root}/_inputs/p/y", b"")

    made = [*root.rglob("*")]

    assert {mode(path) for path in made if path.is_file()} == {0o660}
    assert {mode(path) for path in made if path.is_dir()} == {0o770}
