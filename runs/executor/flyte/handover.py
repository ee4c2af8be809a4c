"""What user code hands over, or asks for, is a copy: File and Dir, on the local disk as on an object store.

The SDK takes local storage for its own local mode, in which one process does everything: `from_local` then hands over the very
file that its task goes on to change or to delete, and `download` the one in the run's storage. These wrappers of public
functions copy, and leave all other storage to the SDK.
"""

from __future__ import annotations

import asyncio
import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flyte.storage
from flyte.io import Dir, File

from runs.executor.flyte import seam

internal_ctx = seam.find("flyte._context:internal_ctx")


def copy(source: Path, target: Path) -> str:
    """Copy a file or a folder; returns the path of the copy."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    return str(target)


def place_for(local_path: str | Path, remote_destination: str | None) -> Path | None:
    """Where a copy of what is handed over belongs; None when the SDK copies itself, or says what is wrong."""
    context = internal_ctx()
    if remote_destination is not None or not context.has_raw_data or not Path(local_path).exists():
        return None
    if flyte.storage.is_remote(context.raw_data.path):
        return None
    return Path(context.raw_data.get_random_remote_path(Path(local_path).name))


def _taking_copies(original: Callable[..., Any]) -> Any:
    """A `from_local` that hands over a copy. original: the function of the class method."""

    @functools.wraps(original)
    async def from_local(
        cls: Any, local_path: str | Path, remote_destination: str | None = None, *rest: Any, **options: Any
    ) -> Any:
        if place := place_for(local_path, remote_destination):
            local_path = await asyncio.to_thread(copy, Path(local_path), place)
        return await original(cls, local_path, remote_destination, *rest, **options)

    return classmethod(from_local)


def _taking_copies_sync(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def from_local_sync(
        cls: Any, local_path: str | Path, remote_destination: str | None = None, *rest: Any, **options: Any
    ) -> Any:
        if place := place_for(local_path, remote_destination):
            local_path = copy(Path(local_path), place)
        return original(cls, local_path, remote_destination, *rest, **options)

    return classmethod(from_local_sync)


def _is_stored_here(given: File[Any] | Dir[Any]) -> bool:
    """Whether a download would hand out what is stored itself."""
    return (
        not flyte.storage.is_remote(given.path) and given.lazy_uploader is None and Path(given.path).exists()
    )


def _handing_out_copies(original: Callable[..., Any]) -> Any:
    """A `download` that copies."""

    @functools.wraps(original)
    async def download(self: Any, local_path: str | Path | None = None, *rest: Any, **options: Any) -> Any:
        if local_path is None and _is_stored_here(self):
            place = flyte.storage.get_random_local_path(self.path)
            return await asyncio.to_thread(copy, Path(self.path), place)
        return await original(self, local_path, *rest, **options)

    return download


def _handing_out_copies_sync(original: Callable[..., Any]) -> Any:
    @functools.wraps(original)
    def download_sync(self: Any, local_path: str | Path | None = None, *rest: Any, **options: Any) -> Any:
        if local_path is None and _is_stored_here(self):
            return copy(Path(self.path), flyte.storage.get_random_local_path(self.path))
        return original(self, local_path, *rest, **options)

    return download_sync


def install() -> None:
    """Replace the methods, for the whole process."""
    for kind in (File, Dir):
        methods = vars(kind)
        kind.from_local = _taking_copies(methods["from_local"].__func__)  # type: ignore[method-assign]
        kind.from_local_sync = _taking_copies_sync(methods["from_local_sync"].__func__)  # type: ignore[method-assign]
        kind.download = _handing_out_copies(methods["download"])  # type: ignore[method-assign]
        kind.download_sync = _handing_out_copies_sync(methods["download_sync"])  # type: ignore[method-assign]
