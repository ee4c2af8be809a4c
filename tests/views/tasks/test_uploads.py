"""Files that come with a form, or before it by the scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from flyteidl2.core import types_pb2
from flyteidl2.task import common_pb2, task_definition_pb2

from runs.models import Run, TaskSpec
from runs.store import storage
from tests.support import factories
from tests.support.tasks import deploy

pytestmark = pytest.mark.django_db(transaction=True)
HERE = "/v2/domain/development/project/flytesnacks"
LAUNCH = f"{HERE}/tasks/env.train/launch"
MULTIPART = types_pb2.BlobType(dimensionality=types_pb2.BlobType.MULTIPART)


@pytest.fixture(autouse=True)
def _storage(settings: Any, tmp_path: Path) -> None:
    settings.STORAGE_URL = f"file://{tmp_path / 'storage'}"
    factories.make_project()


@pytest.fixture
def deployed() -> None:
    """A task that takes a file and a folder."""
    spec = TaskSpec.objects.get(pk=deploy().spec_id)
    message = task_definition_pb2.TaskSpec.FromString(bytes(spec.spec))
    inputs = message.task_template.interface.inputs
    inputs.ClearField("variables")
    inputs.variables.add(key="data").value.type.blob.SetInParent()
    inputs.variables.add(key="folder").value.type.blob.CopyFrom(MULTIPART)
    spec.spec = message.SerializeToString(deterministic=True)
    spec.save()


def multipart(*parts: tuple[str, str, bytes]) -> dict[str, Any]:
    """A form as a browser sends it, which names a file by its path in the folder that was chosen."""
    body = b"".join(
        f'--X\r\nContent-Disposition: form-data; name="{name}"'.encode()
        + (f'; filename="{file}"\r\nContent-Type: text/plain'.encode() if file else b"")
        + b"\r\n\r\n" + content + b"\r\n"
        for name, file, content in parts
    )  # fmt: skip
    return {"data": body + b"--X--\r\n", "content_type": "multipart/form-data; boundary=X"}


def given_to(run: Run) -> dict[str, Any]:
    data = storage.read_bytes(run.actions.get(name="a0").input_uri) or b""
    return {one.name: one.value.scalar.blob for one in common_pb2.Inputs.FromString(data).literals}


@pytest.mark.usefixtures("deployed")
def test_a_form_without_scripts_takes_a_file_and_a_folder_with_its_folders():
    form = Client().get(LAUNCH).content.decode()
    assert 'enctype="multipart/form-data"' in form
    assert 'name="in.folder.upload" webkitdirectory multiple' in form

    answer = Client().post(
        LAUNCH,
        **multipart(
            ("version", "", b"v1"), ("in.data", "", b""), ("in.data.upload", "note.txt", b"a note"),
            ("in.folder", "", b""), ("in.folder.upload", "set/a.txt", b"1"),
            ("in.folder.upload", "set/deep/b.txt", b"2"), ("envs", "", b""), ("labels", "", b""),
        ),
    )  # fmt: skip

    assert answer.status_code == 303, answer.content.decode()
    blobs = given_to(Run.objects.get())
    assert Path(blobs["data"].uri).read_text() == "a note"
    assert blobs["data"].metadata.type.dimensionality == types_pb2.BlobType.SINGLE
    assert (Path(blobs["folder"].uri) / "deep/b.txt").read_text() == "2"
    assert blobs["folder"].metadata.type == MULTIPART


@pytest.mark.usefixtures("deployed")
def test_what_is_wrong_with_a_file_is_said_at_its_field_and_the_other_one_stays():
    answer = Client().post(
        LAUNCH,
        **multipart(
            ("version", "", b"v1"), ("in.data", "", b""), ("in.data.upload", "note.txt", b"a note"),
            ("in.folder", "", b""), ("in.folder.upload", "set/../b.txt", b"2"),
        ),
    )  # fmt: skip

    html = answer.content.decode()
    assert answer.status_code == 400
    assert not Run.objects.exists()
    assert 'id="error-in.folder">The name of a file' in html
    assert "/note.txt" in html


def test_scripts_send_files_before_the_form_and_get_their_address():
    answer = Client().post(f"{HERE}/uploads", {"kind": "file", "files": SimpleUploadedFile("n.txt", b"x")})

    assert Path(answer.json()["address"]).read_bytes() == b"x"
    for fields, words in (
        ({"kind": "file"}, "no file was sent"),
        ({"kind": "x", "files": SimpleUploadedFile("n.txt", b"x")}, "must be file or folder"),
    ):
        refused = Client().post(f"{HERE}/uploads", fields)
        assert refused.status_code == 400
        assert words in refused.json()["message"]
    gone = Client().post(
        "/v2/domain/development/project/nothing/uploads", {"files": SimpleUploadedFile("n.txt", b"x")}
    )
    assert gone.status_code == 404


def test_a_path_that_would_be_cut_is_refused():
    answer = Client().post(f"{HERE}/uploads", **multipart(("files", "a/" * 200 + "b.txt", b"1")))

    assert answer.status_code == 400
