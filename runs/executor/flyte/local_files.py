"""Reads and writes small local files without fsspec, which takes 0.2 ms and more for what the kernel does in 0.02 ms.

It replaces the SDK's public storage functions, and passes every other kind of storage and every option on to them.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from typing import Any

import flyte.storage

_put_stream = flyte.storage.put_stream
_get_stream = flyte.storage.get_stream
_exists = flyte.storage.exists
_close = (
    os.close
)  # the kernel's own: what is opened here is closed here, whatever guards a process has for its actions
SCHEME = "file://"
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
READ_BYTES = 64 * 1024  # os.read allocates as much as is requested


def local_path(uri: str) -> str | None:
    """The path of a local URI, as fsspec reads it (nothing is percent-decoded); None for other storage."""
    if uri.startswith(SCHEME):
        return uri[len(SCHEME) :]
    return uri if uri.startswith("/") else None


async def put_stream(data_iterable: Any, *, to_path: str | None = None, **options: Any) -> str:
    path = local_path(to_path) if to_path else None
    if path is None or options or not isinstance(data_iterable, bytes):
        return await _put_stream(data_iterable, to_path=to_path, **options)
    write(path, data_iterable)
    return str(to_path)


def write(path: str, data: bytes) -> None:
    """Write a file whole. The kernel's own calls: what Python puts around them shows at thousands of files a second."""
    try:
        descriptor = os.open(path, NEW_FILE, 0o666)
    except FileNotFoundError:
        # An action's folder is made by the first file in it.
        make_folder(path.rpartition("/")[0])
        descriptor = os.open(path, NEW_FILE, 0o666)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        _close(descriptor)


def make_folder(path: str) -> None:
    try:
        os.mkdir(path)  # noqa: PTH102 -- as above
    except FileExistsError:
        pass  # by another process or thread, a moment ago
    except FileNotFoundError:
        make_folder(path.rpartition("/")[0])
        make_folder(path)


async def get_stream(path: str, chunk_size: int = 10 * 2**20, **options: Any) -> AsyncGenerator[bytes, None]:
    local = local_path(path)
    if local is None or options:
        async for chunk in _get_stream(path, chunk_size, **options):
            yield chunk
        return
    descriptor = os.open(local, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while chunk := os.read(descriptor, min(chunk_size, READ_BYTES)):
            yield chunk
    finally:
        _close(descriptor)


async def exists(path: str, **options: Any) -> bool:
    local = local_path(path)
    if local is None or options:
        return await _exists(path, **options)
    return os.path.exists(local)  # noqa: ASYNC240, PTH110 -- as above


def install() -> None:
    """Replace the SDK's functions, for all who call them through `flyte.storage`."""
    flyte.storage.put_stream = put_stream
    flyte.storage.get_stream = get_stream
    flyte.storage.exists = exists
