"""Small values of a run in one file: read as before, packed once, made files again for whoever reads them by their address."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from runs.store import packs, storage

ACTIONS = 100


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    """The files of a run of no-op actions, as executors write them."""
    settings.STORAGE_URL = f"file://{tmp_path}"
    folder = tmp_path / "flytesnacks" / "development" / "run1"
    for number in range(ACTIONS):
        write(folder / f"action{number:04}" / "inputs.pb", b"in %d" % number)
        write(folder / f"action{number:04}" / "1" / "outputs.pb", b"out %d" % number)
    return folder


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def pack(folder: Path, *used: str) -> packs.Packed | None:
    return packs.pack(folder, is_used=lambda path: path in used)


def uri(folder: Path, path: str) -> str:
    return f"file://{folder}/{path}"


def disk_bytes(folder: Path) -> int:
    """What it takes of the disk."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*"))


def test_a_no_op_action_takes_less_than_1_kb_of_the_disk_once_packed(folder: Path):
    before = disk_bytes(folder) / ACTIONS

    packed = pack(folder)

    assert packed == packs.Packed(
        2 * ACTIONS, sum(len(b"in %d" % n) + len(b"out %d" % n) for n in range(ACTIONS))
    )
    assert before >= 8 * 1024
    assert disk_bytes(folder) / ACTIONS <= 1024
    assert [path.name for path in folder.iterdir()] == [packs.NAME]


def test_values_are_read_as_before(folder: Path):
    pack(folder)

    assert storage.read_bytes(uri(folder, "action0007/inputs.pb")) == b"in 7"
    assert storage.read_bytes(uri(folder, "action0007/1/outputs.pb")) == b"out 7"
    assert storage.exists(uri(folder, "action0007/1/outputs.pb"))
    for missing in ("action0007/2/outputs.pb", "none/inputs.pb", "action0007/1/report.html", "inputs.pb"):
        assert storage.read_bytes(uri(folder, missing)) is None
        assert not storage.exists(uri(folder, missing))


def test_what_is_large_or_no_value_or_used_stays_a_file(folder: Path):
    stays = {
        "action0001/1/outputs.pb": b"used", "action0002/1/outputs.pb": b"x" * (packs.MAX_BYTES + 1),
        "action0003/1/report.html": b"<p>", "action0003/1/_flytecheckpoints/1/outputs.pb": b"a checkpoint", "note.txt": b"mine",
    }  # fmt: skip
    for path, data in stays.items():
        write(folder / path, data)

    pack(folder, "action0001/1/outputs.pb")

    left = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    del left[packs.NAME]
    assert left == stays


def test_unpacking_gives_the_same_files_back(folder: Path):
    before = {path: path.read_bytes() for path in folder.rglob("*.pb")}
    pack(folder)

    packs.unpack(folder)

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_what_comes_later_is_added(folder: Path):
    pack(folder)
    write(folder / "later" / "inputs.pb", b"later")

    pack(folder)

    assert storage.read_bytes(uri(folder, "later/inputs.pb")) == b"later"
    assert storage.read_bytes(uri(folder, "action0007/inputs.pb")) == b"in 7"


def test_a_value_that_is_about_to_be_read_is_a_file_again_and_its_run_is_not_packed(folder: Path):
    pack(folder)
    os.utime(folder, (1000.0, 1000.0))

    assert storage.provide(uri(folder, "action0007/1/outputs.pb"))
    assert storage.provide(uri(folder, "action0007/inputs.pb"))

    assert (folder / "action0007/1/outputs.pb").read_bytes() == b"out 7"
    assert (folder / "action0007/inputs.pb").read_bytes() == b"in 7"
    assert packs.pack(folder, is_used=lambda _: False, before=2000.0) is None
    assert not storage.provide(uri(folder, "action0007/2/outputs.pb"))


def test_nothing_outside_of_the_storage_is_touched(folder: Path, settings: Any):
    settings.STORAGE_URL = f"file://{folder}"
    os.utime(folder.parent, (1000.0, 1000.0))

    assert not storage.provide(uri(folder, "a/inputs.pb"))

    assert folder.parent.stat().st_mtime == 1000.0


def test_a_reader_who_comes_when_the_pack_has_gone_leaves_none(folder: Path):
    with pytest.raises(sqlite3.OperationalError):
        packs.read_all(folder / packs.NAME)

    assert not (folder / packs.NAME).exists()


def test_who_is_asked_to_stop_packs_nothing(folder: Path):
    before = set(folder.rglob("*"))
    stop = Event()
    stop.set()

    assert packs.pack(folder, is_used=lambda _: False, stop=stop) is None
    assert set(folder.rglob("*")) == before


def test_a_folder_that_is_gone_is_no_error(tmp_path: Path):
    assert packs.pack(tmp_path / "gone", is_used=lambda _: False) is None
    packs.unpack(tmp_path / "gone")


def test_readers_find_every_value_while_it_is_packed_and_unpacked(folder: Path):
    """Whatever comes between the look for the file and the look into the pack."""
    over = threading.Event()
    missing: list[int] = []

    def read() -> None:
        while not over.is_set():
            missing.extend(number for number in range(0, ACTIONS, 10) if not is_there(number))

    def is_there(number: int) -> bool:
        return storage.read_bytes(uri(folder, f"action{number:04}/1/outputs.pb")) == b"out %d" % number

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(3):
            pack(folder)
            packs.unpack(folder)
    finally:
        over.set()
        for reader in readers:
            reader.join(120)

    assert missing == []


def test_the_values_of_a_pack_can_be_changed(folder: Path):
    pack(folder)

    packs.change_values(folder / packs.NAME, lambda path, data: data.replace(b"out", path[:6].encode()))

    assert storage.read_bytes(uri(folder, "action0007/1/outputs.pb")) == b"action 7"
    assert storage.read_bytes(uri(folder, "action0007/inputs.pb")) == b"in 7"
