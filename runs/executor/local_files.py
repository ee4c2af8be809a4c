"""A short cut for small files in local storage: fsspec takes 0.2 ms and more for what the kernel does in 0.02 ms.

It stands behind the SDK's public storage functions, and leaves every other kind of storage and option to them.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import flyte.storage

_put_stream = flyte.storage.put_stream
_get_stream = flyte.storage.get_stream
_exists = flyte.storage.exists
SCHEME = "file://"


def local_path(uri: str) -> str | None:
    """The path of a local URI, as fsspec reads it (nothing is percent-decoded); None for other storage."""
    if uri.startswith(SCHEME):
        return uri[len(SCHEME) :]
    return uri if uri.startswith("/") else None


async def put_stream(data_iterable: Any, *, to_path: str | None = None, **options: Any) -> str:
    path = local_path(to_path) if to_path else None
    if path is None or options or not isinstance(data_iterable, bytes):
        return await _put_stream(data_iterable, to_path=to_path, **options)
    try:
        write(path, data_iterable)
    except FileNotFoundError:
        # An action's folder is made by the first file in it.
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write(path, data_iterable)
    return str(to_path)


def write(path: str, data: bytes) -> None:
    with open(path, "wb", buffering=0) as file:  # noqa: PTH123 -- pathlib's detour shows at thousands of files a second
        file.write(data)


async def get_stream(path: str, chunk_size: int = 10 * 2**20, **options: Any) -> AsyncGenerator[bytes, None]:
    local = local_path(path)
    if local is None or options:
        async for chunk in _get_stream(path, chunk_size, **options):
            yield chunk
        return
    with open(local, "rb", buffering=0) as file:  # noqa: ASYNC230, PTH123 -- quicker than to hand it to a thread
        while chunk := file.read(chunk_size):
            yield chunk


async def exists(path: str, **options: Any) -> bool:
    local = local_path(path)
    if local is None or options:
        return await _exists(path, **options)
    return os.path.exists(local)  # noqa: ASYNC240, PTH110 -- as above


def install() -> None:
    """Put the short cut in front of the SDK's functions, for all who call them through `flyte.storage`."""
    flyte.storage.put_stream = put_stream
    flyte.storage.get_stream = get_stream
    flyte.storage.exists = exists
