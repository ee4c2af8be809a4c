"""Files and folders that are given as inputs: where they lie, what they are called, what is refused."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flyteidl2.core import interface_pb2, types_pb2

from runs.domain.errors import Invalid
from runs.domain.forms.fields import FILE, FOLDER
from runs.launch import files
from runs.launch.files import Given, store, upload_local

SCOPE = ("flytesnacks", "development")
INTERFACE = [
    interface_pb2.VariableEntry(key="file", value=interface_pb2.Variable(type=types_pb2.LiteralType(blob=types_pb2.BlobType()))),
    interface_pb2.VariableEntry(
        key="folder",
        value=interface_pb2.Variable(type=types_pb2.LiteralType(blob=types_pb2.BlobType(dimensionality=types_pb2.BlobType.MULTIPART))),
    ),
    interface_pb2.VariableEntry(key="text", value=interface_pb2.Variable(type=types_pb2.LiteralType(simple=types_pb2.STRING))),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _storage(settings: Any, tmp_path: Path) -> None:
    settings.STORAGE_URL = f"file://{tmp_path / 'storage'}"


def given(**contents: bytes) -> list[Given]:
    return [Given(name.replace("__", "/"), BytesIO(content)) for name, content in contents.items()]


def test_a_file_lies_beside_the_uploads_of_the_client_and_the_same_one_at_the_same_address(tmp_path: Path):
    address = store(*SCOPE, FILE, given(data=b"one"))

    assert Path(address).read_bytes() == b"one"
    assert address == str(
        tmp_path / "storage/_uploads/flytesnacks/development/f97c5d29941bfb1b2fdab0874906ab82/data"
    )
    assert store(*SCOPE, FILE, given(data=b"one")) == address
    assert store(*SCOPE, FILE, given(data=b"two")) != address
    assert list((tmp_path / "storage/_incoming").iterdir()) == []


def test_a_folder_keeps_its_name_and_its_folders():
    address = store(*SCOPE, FOLDER, given(set__a=b"1", set__deep__b=b"2"))

    assert Path(address).name == "set"
    assert {str(one.relative_to(address)): one.read_bytes() for one in Path(address).rglob("*") if one.is_file()} == {
        "a": b"1", "deep/b": b"2",
    }  # fmt: skip
    assert store(*SCOPE, FOLDER, given(set__deep__b=b"2", set__a=b"1")) == address
    assert store(*SCOPE, FOLDER, given(set__deep__b=b"1", set__a=b"2")) != address


def test_files_without_a_folder_make_one():
    address = store(*SCOPE, FOLDER, given(a=b"1", b=b"2"))

    assert sorted(one.name for one in Path(address).iterdir()) == ["a", "b"]


@pytest.mark.parametrize(
    ("kind", "names", "words"),
    [
        (FILE, ["a", "b"], "a file was expected, and 2 were sent"),
        (FOLDER, [], "no files"),
        (FOLDER, ["set/a", "set/a"], "two files called 'a'"),
        (FOLDER, ["set/../../a"], "without '.', '..'"),
        (FOLDER, ["set//a"], "without '.', '..'"),
        (FILE, ["a\\b"], "without '.', '..'"),
        (FOLDER, [f"set/{number}" for number in range(4)], "4 files; at most 3"),
        (FILE, ["large"], "'large' is larger than 4 B"),
    ],
)
def test_what_cannot_be_taken_is_refused_and_leaves_nothing(
    kind: str, names: list[str], words: str, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings.MAX_UPLOAD_BYTES = 4
    monkeypatch.setattr(files, "MAX_FILES", 3)

    with pytest.raises(Invalid) as caught:
        store(*SCOPE, kind, [Given(name, BytesIO(b"large" if name == "large" else b"x")) for name in names])

    assert words in str(caught.value)
    assert not (tmp_path / "storage/_uploads").exists()
    assert list((tmp_path / "storage").rglob("tmp*")) == []


def test_paths_of_this_machine_are_uploaded_where_a_file_is_wanted(tmp_path: Path):
    (tmp_path / "set/deep").mkdir(parents=True)
    (tmp_path / "set/deep/a.txt").write_text("a")
    stored = store(*SCOPE, FILE, given(data=b"one"))
    options = [f"file={tmp_path}/set/deep/a.txt", f"folder={tmp_path}/set", f"text={tmp_path}/set", f"file={stored}", "file=s3://b/x", "file=gone"]  # fmt: skip

    file, folder, *others = (one.partition("=")[2] for one in upload_local(options, INTERFACE, SCOPE))

    assert Path(file).is_relative_to(tmp_path / "storage")
    assert Path(folder).is_relative_to(tmp_path / "storage")
    assert Path(file).read_text() == "a"
    assert (Path(folder) / "deep/a.txt").read_text() == "a"
    assert others == [f"{tmp_path}/set", stored, "s3://b/x", "gone"]
    with pytest.raises(Invalid, match="is a folder, and a file is wanted"):
        upload_local([f"file={tmp_path}/set"], INTERFACE, SCOPE)
