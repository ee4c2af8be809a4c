"""PUT /upload/<token>: the URL that CreateUploadLocation gives. Plain ASGI, because a bundle is read in pieces.

A file appears under its name only when its size and its MD5 are right and, if it is a bundle, when it can be unpacked.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import re
import tarfile
import zlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

import structlog

from runs.api import door
from runs.domain.errors import Conflict, FlyteUIError, Invalid, Unauthenticated
from runs.store import storage

PREFIX = "/upload/"
_TGZ_BUNDLE = re.compile(r"fast[0-9a-zA-Z_=-]*\.tar\.gz\Z")
_PKL_BUNDLE = "code_bundle.pkl.gz"
MAX_UNPACKED_BYTES = 2 * 1024**3
MAX_MEMBERS = 200_000
Receive = Callable[[], Awaitable[dict[str, Any]]]
Reply = Callable[[int, str], Awaitable[None]]
# Bundles that unpack to gigabytes keep these busy, and nobody who reads the storage.
_unpackers = ThreadPoolExecutor(2, thread_name_prefix="unpacker")
log = structlog.get_logger(__name__)


class _Gone(Exception):
    """The client left before it had sent everything."""


async def put(scope: dict[str, Any], receive: Receive, reply: Reply) -> None:
    """Take one file. reply(status, text) answers."""
    if scope["method"] != "PUT":
        await reply(405, "an upload is a PUT")
        return
    temporary: Path | None = None
    try:
        upload = storage.check_upload(scope["path"].removeprefix(PREFIX))
        headers = dict(scope["headers"])
        _check_headers(upload, headers)
        await door.check_same(upload.subject, headers.get(b"authorization", b"").decode("latin-1"))
        temporary = await asyncio.to_thread(storage.new_temporary_file)
        await _receive_file(receive, temporary, upload)
        name = PurePosixPath(upload.uri).name
        await asyncio.get_running_loop().run_in_executor(_unpackers, check_bundle, temporary, name)
        await asyncio.to_thread(storage.put_file, temporary, upload.uri, replaces=upload.replaces)
    except Unauthenticated as error:
        # The client detects an expired URL by the text that object stores use.
        await reply(403, f"Request has expired: {error}" if "expired" in str(error) else str(error))
    except Conflict as error:
        await reply(409, str(error))
    except FlyteUIError as error:
        await reply(400, str(error))
    except _Gone:
        log.info("upload not completed", path=scope["path"][:80])
    except OSError as error:
        log.exception("upload failed", path=scope["path"][:80])
        await reply(500, f"the file cannot be stored: {error.strerror}")
    else:
        await reply(200, "stored")
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _check_headers(upload: storage.Upload, headers: dict[bytes, bytes]) -> None:
    """Refuse early, before the body is read."""
    length = headers.get(b"content-length", b"").decode("latin-1")
    if length.isdigit() and int(length) > upload.max_bytes:
        raise Invalid(f"the file has {length} bytes, at most {upload.max_bytes} are allowed")
    if encoded := headers.get(b"content-md5"):
        try:
            digest = base64.b64decode(encoded, validate=True).hex()
        except ValueError as error:
            raise Invalid("Content-MD5 is not base64") from error
        if upload.md5 and digest != upload.md5:
            raise Invalid(f"Content-MD5 says {digest}, but the address was given out for {upload.md5}")


async def _receive_file(receive: Receive, temporary: Path, upload: storage.Upload) -> None:
    digest, size, more = hashlib.md5(usedforsecurity=False), 0, True
    with temporary.open("wb") as file:
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > upload.max_bytes:
                raise Invalid(f"the file has more than the {upload.max_bytes} bytes that are allowed")
            await asyncio.to_thread(_append, file, digest, chunk)
            more = message.get("more_body", False)
    if upload.md5 and digest.hexdigest() != upload.md5:
        raise Invalid(
            f"the MD5 of the file is {digest.hexdigest()}, the address was given out for {upload.md5}"
        )


def _append(file: Any, digest: Any, chunk: bytes) -> None:
    digest.update(chunk)
    file.write(chunk)


def check_bundle(path: Path, name: str) -> None:
    """Raise Invalid when a code bundle could not be unpacked, or would write outside of its folder.

    Other files are the users' data and are not inspected.
    """
    try:
        if _TGZ_BUNDLE.match(name):
            with tarfile.open(path, "r:gz") as archive:
                _check_members(archive, name)
        elif name == _PKL_BUNDLE:
            with gzip.open(path) as packed:
                packed.read(1)
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as error:
        raise Invalid(f"bundle {name!r} is not a gzipped archive: {error}") from error


def _check_members(archive: tarfile.TarFile, name: str) -> None:
    total = 0
    for number, member in enumerate(archive):
        total += member.size
        if number >= MAX_MEMBERS or total > MAX_UNPACKED_BYTES:
            raise Invalid(
                f"bundle {name!r} unpacks to more than {MAX_UNPACKED_BYTES} bytes or {MAX_MEMBERS} files"
            )
        try:
            tarfile.data_filter(member, "/bundle")
        except tarfile.FilterError as error:
            raise Invalid(f"bundle {name!r} is refused: {error}") from error
