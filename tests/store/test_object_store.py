"""A storage that is an object store: a server that speaks S3, values in it on their pages, uploads, deletions."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client

from runs.domain.errors import Conflict
from runs.store import folders, storage, trees
from tests.store.test_parquet import FILES
from tests.support import factories
from tests.support.values import blob, frame, make_with_values, store

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

ACTION = "/v2/domain/development/project/flytesnacks/runs/run1/actions/x"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    before = dict(os.environ)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    httpx.put(f"http://{host}:{port}/bucket").raise_for_status()
    yield f"http://{host}:{port}"
    server.stop()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(autouse=True)
def object_store(endpoint: str, settings: Any, monkeypatch: pytest.MonkeyPatch, request: Any) -> None:
    for name, value in ({"FLYTE_AWS_ENDPOINT": endpoint} | KEYS).items():
        monkeypatch.setenv(name, value)
    settings.STORAGE_URL = f"s3://bucket/{request.node.name[:40]}"


def page(value: str, query: str = "") -> str:
    answer = Client().get(f"{ACTION}/values/outputs/{value}{query}")
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


async def downloaded(value: str, query: str = "") -> bytes:
    answer: Any = await AsyncClient().get(f"{ACTION}/values/outputs/{value}/download{query}")
    assert answer.status_code == 200
    return b"".join([piece async for piece in answer])


def test_what_is_written_is_read_and_what_is_not_there_is_nothing():
    uri = store("a/b.txt", b"content")

    assert (storage.read_bytes(uri), storage.find_size(uri), storage.exists(uri)) == (b"content", 7, True)
    file = storage.open_file(uri)
    assert file is not None
    with file:
        assert (file.read(3), file.seek(0), file.read()) == (b"con", 0, b"content")
    gone = uri.replace("b.txt", "c.txt")
    assert (storage.read_bytes(gone), storage.find_size(gone), storage.exists(gone)) == (None, None, False)
    assert storage.open_file(gone) is None
    folder = uri.removesuffix("/b.txt")
    assert (storage.read_bytes(folder), storage.find_size(folder)) == (None, None)
    assert folders.list_files(f"{folder}/none", most=9) is None


def test_values_are_shown_from_there():
    make_with_values(
        factories.make_run(),
        outputs={
            "text": blob(store("note.txt", b"hello <world>")),
            "image": blob(store("plot.png", PNG)),
            "table": frame(store("df/00000", (FILES / "snappy.parquet").read_bytes()).removesuffix("/00000")),
            "csv": blob(store("data.csv", b"id,name\n1,x\n")),
            "gone": blob(storage.join(store("x", b"").removesuffix("/x"), "gone.txt")),
            "model": blob(store("model/deep/a.json", b"{}").removesuffix("/deep/a.json"), is_folder=True),
        },
    )

    assert "hello &lt;world&gt;" in page("text")
    assert f'<img src="{ACTION}/values/outputs/image/image"' in page("image")
    assert Client().get(f"{ACTION}/values/outputs/image/image").content == PNG
    assert "40 rows, 18 columns" in page("table")
    assert "1 row, 2 columns" in page("csv")
    assert "There is no file at" in page("gone")
    assert '<a href="' + f"{ACTION}/values/outputs/model?file=deep%2Fa.json" in page("model")
    panel = Client(headers={"HX-Request": "true"}).get(f"{ACTION}?tab=outputs").content.decode()
    assert "hello &lt;world&gt;" in panel


async def test_values_are_downloaded_from_there(transactional_db: None):
    content = os.urandom(3_000_000)

    def make() -> None:
        uri = store("model/weights.bin", content)
        store("model/deep/a.json", b"{}")
        folder = uri.removesuffix("/weights.bin")
        make_with_values(factories.make_run(), outputs={"o0": blob(uri), "o1": blob(folder, is_folder=True)})

    await sync_to_async(make)()

    assert await downloaded("o0") == content
    with ZipFile(io.BytesIO(await downloaded("o1"))) as archive:
        assert sorted(archive.namelist()) == ["deep/a.json", "weights.bin"]
        assert archive.read("weights.bin") == content


def test_a_report_is_shown_from_there():
    run = factories.make_run()
    action = make_with_values(run, outputs={})
    action.refresh_from_db()
    storage.write_bytes(storage.join(action.output_uri, "report.html"), b"<p>losses</p>")

    assert "losses" in Client().get(f"{ACTION}/report").content.decode()
    assert "run1/actions/x/report" in Client().get(f"{ACTION}/report/page").content.decode()


def test_an_upload_is_put_there_once(tmp_path: Path):
    uri = store("x", b"").removesuffix("/x") + "/upload.bin"
    for content in (b"one", b"one"):
        (tmp_path / "file").write_bytes(content)
        storage.put_file(tmp_path / "file", uri)
    (tmp_path / "file").write_bytes(b"two")
    with pytest.raises(Conflict, match="other content"):
        storage.put_file(tmp_path / "file", uri)
    storage.put_file(tmp_path / "file", uri, replaces=True)

    assert storage.read_bytes(uri) == b"two"
    assert not trees.is_storage_local()
