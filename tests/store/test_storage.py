"""Where files are, and that none can be elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runs.domain.errors import Invalid
from runs.domain.names import RunRef
from runs.store import storage


@pytest.fixture
def root(settings: Any, tmp_path: Path) -> Path:
    settings.STORAGE_URL = f"file://{tmp_path}/with space/storage"
    return tmp_path / "with space" / "storage"


def test_a_file_is_written_whole_and_read_back(root: Path) -> None:
    uri = storage.join(storage.run_base(RunRef("p", "d", "r")), "a0", "1", "outputs.pb")

    storage.write_bytes(uri, b"")
    storage.write_bytes(uri, b"content")

    assert (root / "p/d/r/a0/1/outputs.pb").read_bytes() == b"content"
    assert storage.read_bytes(uri) == b"content"
    assert storage.exists(uri)
    assert list((root / "_incoming").iterdir()) == []


def test_what_is_not_there_is_none(root: Path) -> None:
    assert storage.read_bytes(f"file://{root}/nothing") is None
    assert not storage.exists(f"file://{root}/nothing")


@pytest.mark.parametrize(
    "uri",
    ["file:///etc/passwd", "/etc/passwd", "relative", "file://{root}/../x", "file://{root}/link/passwd", ""],
)
def test_nothing_outside_of_the_storage_is_read_or_written(root: Path, uri: str) -> None:
    root.mkdir(parents=True)
    (root / "link").symlink_to("/etc")
    address = uri.format(root=root)

    with pytest.raises(Invalid, match="outside of the storage"):
        storage.read_bytes(address)
    with pytest.raises(Invalid, match="outside of the storage"):
        storage.write_bytes(address, b"x")


@pytest.mark.parametrize("path", ["", "/etc", "a/../b", "..", "a//b", "a\\b", "a\0b", "./a"])
def test_a_path_of_a_client_stays_below_its_folder(root: Path, path: str) -> None:
    with pytest.raises(Invalid):
        storage.upload_uri("p", "d", "folder", path)


def test_names_of_folders_cannot_be_projects(root: Path) -> None:
    ref = RunRef("p", "d", "r")

    assert storage.raw_data_prefix(ref) == f"{root}/_raw/p/d/r"
    assert storage.attempt_uri(storage.run_base(ref), "a0", 2) == f"file://{root}/p/d/r/a0/2"
