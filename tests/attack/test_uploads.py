"""What was uploaded keeps its content, whichever address is used, and whenever."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io
import os
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from flyteidl2.dataproxy import dataproxy_service_pb2

from runs.api import uploads
from runs.domain.errors import Conflict
from runs.store import storage
from tests.api.conftest import API


def request(content: bytes | None, root: str = "mine") -> dataproxy_service_pb2.CreateUploadLocationRequest:
    return dataproxy_service_pb2.CreateUploadLocationRequest(
        project="flytesnacks", domain="development", filename="data.bin", filename_root=root,
        content_md5=hashlib.md5(content).digest() if content else b"",
    )  # fmt: skip


async def put(web: httpx.AsyncClient, url: str, content: bytes) -> httpx.Response:
    return await web.put(urlsplit(url).path, content=content)


async def test_an_address_without_md5_takes_one_content(api: API, web: httpx.AsyncClient):
    location = await api.data.create_upload_location(request(None))

    answers = [await put(web, location.signed_url, content) for content in (b"first", b"other", b"first")]

    assert [answer.status_code for answer in answers] == [200, 409, 200]
    assert "other content" in answers[1].text
    assert storage.read_bytes(location.native_url) == b"first"


async def test_an_older_address_of_the_same_name_takes_nothing_else(api: API, web: httpx.AsyncClient):
    older = await api.data.create_upload_location(request(b"older"))
    newer = await api.data.create_upload_location(request(b"newer"))

    answers = [
        await put(web, newer.signed_url, b"newer"),
        await put(web, older.signed_url, b"older"),
    ]

    assert [answer.status_code for answer in answers] == [200, 409]
    assert storage.read_bytes(older.native_url) == b"newer"


async def test_a_report_of_a_tracked_run_is_replaced(api: API, web: httpx.AsyncClient):
    location = await api.data.create_upload_location(request(None, "tracked-runs/r/a0"))

    answers = [await put(web, location.signed_url, content) for content in (b"first", b"second")]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert storage.read_bytes(location.native_url) == b"second"


def test_of_two_uploads_at_once_one_wins(storage_folder: Path):
    uri = f"file://{storage_folder}/_uploads/x"

    def upload(content: bytes) -> bool:
        temporary = storage.new_temporary_file()
        temporary.write_bytes(content)
        try:
            storage.put_file(temporary, uri)
        except Conflict:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        return storage.read_bytes(uri) == content

    with ThreadPoolExecutor(8) as threads:
        wins = list(threads.map(upload, [bytes([number]) * 100 for number in range(40)]))

    assert wins.count(True) == 1
    assert list((storage_folder / "_incoming").iterdir()) == []


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system as FAT, on which the kernel says so."""

    def link(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)


def test_without_hard_links_one_of_two_uploads_wins_too(storage_folder: Path, no_links: None):
    test_of_two_uploads_at_once_one_wins(storage_folder)


async def test_without_hard_links_an_upload_is_stored_and_not_replaced(
    api: API, web: httpx.AsyncClient, no_links: None
):
    location = await api.data.create_upload_location(request(None))

    answers = [await put(web, location.signed_url, content) for content in (b"first", b"other", b"first")]

    assert [answer.status_code for answer in answers] == [200, 409, 200]
    assert storage.read_bytes(location.native_url) == b"first"


async def test_bundles_that_take_long_to_unpack_keep_no_reader_waiting(
    api: API, web: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    """With as many as there are threads that everybody shares, and more."""
    may_go_on, begun = threading.Event(), threading.Semaphore(0)
    check = uploads.check_bundle

    def slow_check(path: Path, name: str) -> None:
        begun.release()
        assert may_go_on.wait(120)
        check(path, name)

    monkeypatch.setattr(uploads, "check_bundle", slow_check)
    content = bundle()
    locations = [
        await api.data.create_upload_location(bundle_request(content, number)) for number in range(40)
    ]
    flood = [asyncio.create_task(put(web, location.signed_url, content)) for location in locations]
    async with asyncio.timeout(120):
        await asyncio.to_thread(begun.acquire)
        for _ in range(20):
            await asyncio.to_thread(storage.exists, locations[0].native_url)
        assert not any(task.done() for task in flood)
    may_go_on.set()

    answers = await asyncio.gather(*flood)

    assert {answer.status_code for answer in answers} == {200}


def bundle() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("main.py"))
    return packed.getvalue()


def bundle_request(content: bytes, number: int) -> dataproxy_service_pb2.CreateUploadLocationRequest:
    made = request(content, f"flood{number}")
    made.filename = "fast0.tar.gz"
    return made
