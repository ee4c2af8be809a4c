"""The short cut for small local files, and what it needs of the SDK."""

from __future__ import annotations

import inspect
from pathlib import Path

import flyte.storage
import pytest
from flyte._internal.controllers.remote import _controller
from flyte._internal.runtime import io

from runs.executor.flyte import local_files


async def test_storage_functions_are_looked_up_when_they_are_called(tmp_path: Path) -> None:
    """`local_files.install` puts ours into `flyte.storage`; a `from` import in the SDK would pass them by."""
    for module, names in ((io, ["put_stream", "get_stream", "exists"]), (_controller, ["put_stream"])):
        for name in names:
            assert f"storage.{name}(" in inspect.getsource(module), (module.__name__, name)
    assert {"data_iterable", "to_path"} <= set(inspect.signature(flyte.storage.put_stream).parameters)
    assert "path" in inspect.signature(flyte.storage.get_stream).parameters


async def test_small_local_files_go_there_and_back(tmp_path: Path) -> None:
    uri = f"file://{tmp_path}/a/b/inputs.pb"

    assert await local_files.put_stream(b"x" * 200_000, to_path=uri) == uri
    await local_files.put_stream(b"short", to_path=uri)
    assert b"".join([chunk async for chunk in local_files.get_stream(uri)]) == b"short"
    with pytest.raises(FileNotFoundError):
        [chunk async for chunk in local_files.get_stream(uri + ".missing")]
