"""What `handover` needs of the SDK, and what breaks when that changes."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import flyte.storage
from flyte._context import internal_ctx
from flyte.io import Dir, File
from flyte.models import RawDataPath

from runs.executor.flyte import handover


def test_the_methods_take_what_ours_pass_on() -> None:
    """Else a task that hands over a file fails, or hands over the very file that it goes on to change."""
    for kind in (File, Dir):
        for name in ("from_local", "from_local_sync"):
            theirs = inspect.signature(vars(kind)[name].__func__)
            assert [*theirs.parameters][:3] == ["cls", "local_path", "remote_destination"], (kind, name)
        for name in ("download", "download_sync"):
            assert [*inspect.signature(vars(kind)[name]).parameters][:2] == ["self", "local_path"], (
                kind,
                name,
            )
        assert hasattr(kind, "lazy_uploader")


def test_what_is_on_this_disk_is_not_remote() -> None:
    """Else nothing is copied."""
    assert not flyte.storage.is_remote("/a/b")
    assert flyte.storage.is_remote("s3://a/b")


async def test_a_place_for_a_copy_is_in_the_raw_data_of_the_run(tmp_path: Path) -> None:
    given = tmp_path / "given.txt"
    given.write_text("as it was")

    assert handover.place_for(given, None) is None  # no action, no run's storage

    async def place(path: str) -> Path | None:
        with _context(path):
            return handover.place_for(given, None)

    first, second = await place(str(tmp_path / "raw")), await place(str(tmp_path / "raw"))
    assert first is not None
    assert second is not None
    assert first != second
    assert first.is_relative_to(tmp_path / "raw")
    assert first.name == "given.txt"
    assert await place("s3://bucket/raw") is None  # the SDK uploads it there itself
    with _context(str(tmp_path / "raw")):
        assert handover.place_for(given, "/elsewhere") is None
        assert handover.place_for(tmp_path / "missing", None) is None  # the SDK says what is wrong


def _context(raw: str) -> Any:
    return internal_ctx().new_raw_data_path(raw_data_path=RawDataPath(path=raw))
