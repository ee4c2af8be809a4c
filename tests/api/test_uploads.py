"""CreateUploadLocation and the PUT that follows: a file appears only when all is right."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import tarfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from flyteidl2.dataproxy import dataproxy_service_pb2

from runs.store import storage
from tests.api.conftest import API

CONTENT = b"some bytes"


def md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()


def request(
    content: bytes = CONTENT, filename: str = "data.bin", **fields: object
) -> dataproxy_service_pb2.CreateUploadLocationRequest:
    message = dataproxy_service_pb2.CreateUploadLocationRequest(
        project="flytesnacks", domain="development", filename=filename, content_md5=md5(content)
    )
    message.MergeFrom(dataproxy_service_pb2.CreateUploadLocationRequest(**fields))  # type: ignore[arg-type]
    return message


async def put(web: httpx.AsyncClient, url: str, content: bytes, **headers: str) -> httpx.Response:
    return await web.put(urlsplit(url).path, content=content, headers=headers)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def bundle(*members: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


async def test_a_file_is_stored_where_the_answer_said(api: API, web: httpx.AsyncClient) -> None:
    location = await api.data.create_upload_location(request(filename_root="abc123"))

    said = base64.b64encode(md5(CONTENT)).decode()
    answer = await put(web, location.signed_url, CONTENT, **{"content-md5": said})

    assert answer.status_code == 200
    assert storage.read_bytes(location.native_url) == CONTENT
    assert "abc123" in location.native_url
    assert location.expires_at.seconds > time.time() + 800


async def test_a_bundle_is_looked_into(api: API, web: httpx.AsyncClient) -> None:
    good = bundle(("main.py", b"x = 1"))

    location = await api.data.create_upload_location(request(good, "fast0a1b.tar.gz"))

    assert (await put(web, location.signed_url, good)).status_code == 200


def link_out() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(member)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no tar at all", "is not a gzipped archive"),
        (gzip.compress(b"gzip, but no tar"), "is not a gzipped archive"),
        (bundle(("main.py", b"x" * 9999))[:-20], "is not a gzipped archive"),
        (bundle(("../out.py", b"x")), "outside the destination"),
        (link_out(), "is a link to an absolute path"),
    ],
    ids=["no tar", "gzip without tar", "cut short", "path out", "link out"],
)
async def test_a_bundle_that_cannot_be_unpacked_is_refused(
    api: API, web: httpx.AsyncClient, storage_folder: Path, content: bytes, words: str
) -> None:
    location = await api.data.create_upload_location(request(content, "fast0a1b.tar.gz"))

    answer = await put(web, location.signed_url, content)

    assert answer.status_code == 400
    assert words in answer.text
    assert files(storage_folder) == []


async def test_another_content_is_refused(api: API, web: httpx.AsyncClient, storage_folder: Path) -> None:
    location = await api.data.create_upload_location(request())

    other = base64.b64encode(md5(b"other")).decode()
    by_header = await put(web, location.signed_url, CONTENT, **{"content-md5": other})
    by_body = await put(web, location.signed_url, b"other byte")

    assert (by_header.status_code, by_body.status_code) == (400, 400)
    assert "Content-MD5 says" in by_header.text
    assert "the MD5 of the file is" in by_body.text
    assert files(storage_folder) == []


async def test_too_many_bytes_are_refused(api: API, web: httpx.AsyncClient, storage_folder: Path) -> None:
    location = await api.data.create_upload_location(request(content_length=4))

    async def pieces():
        yield CONTENT
        yield CONTENT

    answers = [
        await put(web, location.signed_url, CONTENT),
        await web.put(urlsplit(location.signed_url).path, content=pieces()),
    ]

    assert [answer.status_code for answer in answers] == [400, 400]
    assert files(storage_folder) == []


async def test_an_altered_or_expired_address_is_refused(
    api: API, web: httpx.AsyncClient, storage_folder: Path
) -> None:
    location = await api.data.create_upload_location(request())
    token = storage.sign_upload(
        storage.Upload(
            uri=location.native_url, md5=md5(CONTENT).hex(), max_bytes=99, expires_at=int(time.time()) - 5
        )
    )

    altered = await put(web, location.signed_url[:-3] + "abc", CONTENT)
    expired = await put(web, f"http://x/upload/{token}", CONTENT)

    assert (altered.status_code, expired.status_code) == (403, 403)
    assert "not one that this server has signed" in altered.text
    assert expired.text.startswith("Request has expired")
    assert files(storage_folder) == []


async def test_an_upload_is_a_put(web: httpx.AsyncClient) -> None:
    assert (await web.post("/upload/x", content=b"")).status_code == 405


@pytest.mark.parametrize(
    ("message", "code", "words"),
    [
        (request(project="nowhere"), Code.NOT_FOUND, "there is no project 'nowhere'"),
        (request(domain="moon"), Code.NOT_FOUND, "there is no domain 'moon'"),
        (request(filename="../../x"), Code.INVALID_ARGUMENT, "filename '../../x' must be a relative path"),
        (request(filename_root="a/../../b"), Code.INVALID_ARGUMENT, "filename_root 'a/../../b'"),
        (request(filename="x" * 2000), Code.INVALID_ARGUMENT, "filename must have 1 to 1024 characters"),
        (request(content_md5=b"short"), Code.INVALID_ARGUMENT, "it has 5"),
        (request(content_length=2**40), Code.INVALID_ARGUMENT, "content_length is 1099511627776"),
        (request(expires_in={"seconds": 99999}), Code.INVALID_ARGUMENT, "expires_in is 99999 s"),
    ],
)
async def test_a_bad_location_is_refused_by_name(
    api: API, message: dataproxy_service_pb2.CreateUploadLocationRequest, code: Code, words: str
) -> None:
    with pytest.raises(ConnectError) as caught:
        await api.data.create_upload_location(message)

    assert caught.value.code is code
    assert words in caught.value.message


async def test_what_was_uploaded_keeps_its_content_unless_a_tracked_run_reports_anew(
    api: API, web: httpx.AsyncClient
) -> None:
    for root in ("mine", "tracked-runs/r/a0"):
        location = await api.data.create_upload_location(request(filename_root=root))
        assert (await put(web, location.signed_url, CONTENT)).status_code == 200

    await api.data.create_upload_location(request(filename_root="mine"))
    await api.data.create_upload_location(request(b"new", filename_root="tracked-runs/r/a0"))
    with pytest.raises(ConnectError, match="with other content") as caught:
        await api.data.create_upload_location(request(b"new", filename_root="mine"))

    assert caught.value.code is Code.ALREADY_EXISTS
