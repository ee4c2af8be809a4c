"""A backup that is made while a run lives, and restored elsewhere; and what a restore refuses."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from flyteidl2.core import literals_pb2
from flyteidl2.task import common_pb2, task_definition_pb2

from runs.backup import archive, databases
from runs.backup.making import make_backup
from runs.backup.manifest import NAME
from runs.backup.restoring import WHY, restore_backup
from runs.domain.errors import AlreadyExists, Conflict, FlyteUIError, Invalid
from runs.domain.phases import Phase
from runs.engine import locks
from runs.models import Action, ActionEvent, Executor, Pool, Run, TaskSpec
from runs.store import packs
from tests.support.scene import Scene

Go = Callable[[], Path]


@pytest.fixture
def backup(scene: Scene, tmp_path: Path) -> Path:
    target = tmp_path / "flyteui.zip"
    make_backup(target)
    return target


def test_rows_and_files_come_back(scene: Scene, storage: Path, tmp_path: Path, elsewhere: Go):
    scene.grow("a1", "a2")
    (storage / "_raw").mkdir()
    (storage / "_raw" / "model.bin").write_bytes(b"\x00weights")
    (storage / "_raw" / "empty").mkdir()
    before = set(ActionEvent.objects.values_list("pk", "action__name", "to_phase", "at"))

    made = make_backup(tmp_path / "flyteui.zip")
    home = elsewhere()
    restored = restore_backup(tmp_path / "flyteui.zip")

    assert (made.runs, made.actions, made.files) == (1, 3, 1)
    assert (tmp_path / "flyteui.zip").stat().st_mode & 0o077 == 0, "nobody else may read it"
    assert restored.manifest.counts["runs_action"] == 3
    assert before <= set(ActionEvent.objects.values_list("pk", "action__name", "to_phase", "at"))
    assert (home / "storage" / "_raw" / "model.bin").read_bytes() == b"\x00weights"
    assert (home / "storage" / "_raw" / "empty").is_dir()
    assert not list(home.glob(".restoring-*"))


def test_what_ran_is_queued_again_as_after_a_crash(scene: Scene, backup: Path, elsewhere: Go):
    elsewhere()

    restore_backup(backup)

    action = Action.objects.get()
    assert (action.phase, action.attempt, action.system_failures) == (Phase.QUEUED, 1, 0)
    assert (Executor.objects.get().state, Executor.objects.get().end_reason) == (Executor.State.GONE, WHY)
    assert action.attempts.get().outcome == "interrupted"


def test_new_rows_get_new_ids(scene: Scene, backup: Path, elsewhere: Go):
    elsewhere()
    restore_backup(backup)

    assert Run.objects.count() == 1
    Scene()

    assert Run.objects.count() == 2


def test_addresses_follow_the_storage(scene: Scene, storage: Path, tmp_path: Path, elsewhere: Go):
    old = f"file://{storage}"
    bundle = f"{old}/_uploads/fast.tar.gz"
    spec = task_definition_pb2.TaskSpec()
    spec.task_template.container.args.extend(["a0", "--tgz", bundle])
    TaskSpec.objects.update(spec=spec.SerializeToString())
    Pool.objects.update(bundle_uri=bundle)
    Action.objects.update(input_uri=f"{old}/_inputs/inputs.pb")
    inputs = common_pb2.Inputs()
    for name, value in {"file": f"{storage}/_raw/model.bin", "other": "/home/ann/model.bin"}.items():
        inputs.literals.add(name=name).value.scalar.primitive.string_value = value
    packed = literals_pb2.Binary(tag="msgpack", value=b"\x81\xa4path" + bytes([0xD9, len(f"{storage}/x")]))
    packed.value += f"{storage}/x".encode()
    inputs.literals.add(name="packed").value.scalar.binary.CopyFrom(packed)
    inputs.literals.add(name="named").value.map.literals["key"].scalar.blob.uri = f"{old}/_raw/dir"
    (storage / "_inputs").mkdir()
    (storage / "_inputs" / "inputs.pb").write_bytes(inputs.SerializeToString())

    make_backup(tmp_path / "flyteui.zip")
    home = elsewhere()
    restored = restore_backup(tmp_path / "flyteui.zip")

    new = f"file://{home}/storage"
    assert restored.moved_from == old
    assert Pool.objects.get().bundle_uri == f"{new}/_uploads/fast.tar.gz"
    assert Action.objects.get().input_uri == f"{new}/_inputs/inputs.pb"
    assert Run.objects.get().base_uri.startswith(f"{new}/flytesnacks/")
    assert f"{new}/_uploads/fast.tar.gz".encode() in bytes(TaskSpec.objects.get().spec)
    moved = common_pb2.Inputs.FromString((home / "storage" / "_inputs" / "inputs.pb").read_bytes())
    values = {named.name: named.value for named in moved.literals}
    assert values["file"].scalar.primitive.string_value == f"{home}/storage/_raw/model.bin"
    assert values["other"].scalar.primitive.string_value == "/home/ann/model.bin"
    assert f"{home}/storage/x".encode() in values["packed"].scalar.binary.value
    assert values["named"].map.literals["key"].scalar.blob.uri == f"{new}/_raw/dir"


def test_addresses_in_packed_values_follow_the_storage(
    scene: Scene, storage: Path, tmp_path: Path, elsewhere: Go
):
    inputs = common_pb2.Inputs()
    inputs.literals.add(name="file").value.scalar.blob.uri = f"{storage}/_raw/model.bin"
    run = storage / "flytesnacks" / "development" / "packed"
    (run / "a0").mkdir(parents=True)
    (run / "a0" / "inputs.pb").write_bytes(inputs.SerializeToString())
    packs.pack(run, is_used=lambda _: False)

    make_backup(tmp_path / "flyteui.zip")
    home = elsewhere()
    restore_backup(tmp_path / "flyteui.zip")

    moved = packs.read_value(home / "storage" / "flytesnacks" / "development" / "packed" / "a0" / "inputs.pb")
    assert (
        common_pb2.Inputs.FromString(moved or b"").literals[0].value.scalar.blob.uri
        == f"{home}/storage/_raw/model.bin"
    )


def test_a_database_that_is_there_is_not_replaced(scene: Scene, backup: Path):
    with pytest.raises(Conflict, match="there is a database already"):
        restore_backup(backup)

    assert Run.objects.count() == 1


def test_files_that_are_there_are_not_replaced(backup: Path, elsewhere: Go):
    home = elsewhere()
    (home / "storage").mkdir()
    (home / "storage" / "mine").touch()

    with pytest.raises(Conflict, match="there are files in"):
        restore_backup(backup)


def test_a_backup_of_a_newer_version_is_refused(backup: Path, elsewhere: Go):
    elsewhere()
    change_manifest(backup, lambda manifest: manifest["migrations"].append("runs.9999_tomorrow"))

    with pytest.raises(Conflict, match=r"runs\.9999_tomorrow, which this version .* does not know"):
        restore_backup(backup)
    assert_nothing_is_there()


def test_a_backup_in_a_newer_format_is_refused(backup: Path, elsewhere: Go):
    elsewhere()
    change_manifest(backup, lambda manifest: manifest.update(format=2))

    with pytest.raises(Conflict, match="in format 2"):
        restore_backup(backup)


def test_a_backup_of_another_kind_of_database_is_refused(backup: Path, elsewhere: Go):
    elsewhere()
    change_manifest(backup, lambda manifest: manifest.update(database="oracle"))

    with pytest.raises(Conflict, match="of its own kind"):
        restore_backup(backup)


@pytest.mark.parametrize(
    "damage", ["cut", "bytes", "no zip", "missing member", "other content", "empty manifest"]
)
def test_a_damaged_archive_is_refused(backup: Path, elsewhere: Go, damage: str):
    elsewhere()
    DAMAGES[damage](backup)

    with pytest.raises(FlyteUIError, match="is damaged"):
        restore_backup(backup)
    assert_nothing_is_there()


def test_a_restore_that_fails_leaves_nothing(backup: Path, elsewhere: Go, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    elsewhere()
    monkeypatch.setattr(locks, "release_all", fail)

    with pytest.raises(OSError, match="No space left"):
        restore_backup(backup)
    assert_nothing_is_there()
    assert databases.is_empty()


def test_a_file_that_is_not_there_is_said(elsewhere: Go, tmp_path: Path):
    with pytest.raises(Invalid, match="there is no file"):
        restore_backup(tmp_path / "none.zip")


def test_a_backup_overwrites_nothing(backup: Path):
    with pytest.raises(AlreadyExists, match="overwrites nothing"):
        make_backup(backup)


def test_a_backup_does_not_go_into_the_storage(scene: Scene, storage: Path):
    with pytest.raises(Invalid, match="is in the storage"):
        make_backup(storage / "flyteui.zip")


def test_a_backup_that_fails_leaves_nothing(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive.Writer, "add_folder", full)
    target = tmp_path / "backups"
    target.mkdir()

    with pytest.raises(OSError, match="No space left"):
        make_backup(target / "flyteui.zip")
    assert not list(target.iterdir())


def assert_nothing_is_there() -> None:
    """Of the database, of the storage, of the work."""
    home = Path(settings.HOME)
    assert not [entry.name for entry in home.iterdir()]


def change_manifest(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    def changed(data: bytes) -> bytes:
        manifest = json.loads(data)
        change(manifest)
        return json.dumps(manifest).encode()

    rewrite(path, lambda name, data: changed(data) if name == NAME else data)


def rewrite(path: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    with zipfile.ZipFile(path) as old:
        members = {name: change(name, old.read(name)) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, data in members.items():
            if data is not None:
                new.writestr(name, data)


def flip_bytes(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[200:210] = bytes(byte ^ 0xFF for byte in data[200:210])
    path.write_bytes(data)


def is_of_database(name: str) -> bool:
    return name.startswith("database/")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "bytes": flip_bytes,
    "no zip": lambda path: path.write_bytes(b"a backup"),
    "missing member": lambda path: rewrite(path, lambda name, data: None if is_of_database(name) else data),
    "other content": lambda path: rewrite(
        path, lambda name, data: data + b"\n" if is_of_database(name) else data
    ),
    "empty manifest": lambda path: change_manifest(path, lambda manifest: manifest.clear()),
}
