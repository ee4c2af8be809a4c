"""Folders in the storage, as values name them: what is in one, and to which project an address belongs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import fsspec
from django.conf import settings

from runs.domain.addresses import storage as addresses
from runs.store import objects, storage

MAX_DEPTH = 12  # folders in folders
# What is not below a project of its own: STORAGE_URL/<one of these>/<project>/…
_SHARED = frozenset({"_raw", "_uploads", "_inputs"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a folder. name: its path below it."""

    name: str
    size: int


def project_of(uri: str) -> str:
    """The project that a file in the storage belongs to, wherever links on the local disk lead. Raises Invalid for what is outside."""
    path = storage.local_path(uri)
    if path is None:
        parts = storage.path_below("address", uri)
    else:
        root = Path(addresses.split_scheme(settings.STORAGE_URL)[1]).resolve()
        parts = list(path.resolve().relative_to(root).parts)
    if parts[:1] and parts[0] in _SHARED:
        parts = parts[1:]
    return parts[0] if parts else ""


def list_files(uri: str, *, most: int) -> list[Entry] | None:
    """The first files of a folder and of those in it, by name; None when there is no such folder. Links are not followed."""
    path = storage.local_path(uri)
    if path is not None:
        if not path.is_dir():
            return None
        found = islice(_walk(path), most)
        return [Entry(one.relative_to(path).as_posix(), one.lstat().st_size) for one in found]
    filesystem, name = objects.find_store(uri)
    listed = list(islice(_walk_remote(filesystem, name), most))
    return listed or None


def _walk(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders.sort()
        if len(Path(root).relative_to(folder).parts) >= MAX_DEPTH:
            folders.clear()
        for name in sorted(files):
            file = Path(root, name)
            if file.is_file() and not file.is_symlink():
                yield file


def _walk_remote(filesystem: fsspec.AbstractFileSystem, name: str) -> Iterator[Entry]:
    for root, _, files in filesystem.walk(name, maxdepth=MAX_DEPTH, detail=True):
        for file, details in sorted(files.items()):
            below = f"{root}/{file}".removeprefix(name.rstrip("/")).lstrip("/")
            if below:
                yield Entry(below, int(details.get("size") or 0))
