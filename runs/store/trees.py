"""Folders of the storage: how large they are, and clearing them of what nothing uses. Local disks and object stores.

A path here is relative to the storage, such as `flytesnacks/development/r1/a0/1`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from django.conf import settings

from runs.domain.addresses.storage import is_local, split_scheme
from runs.store import objects, packs, storage

COUNTED = 200_000  # files of one folder, for a size that somebody waits for
INCOMING = "_incoming"


@dataclass(slots=True)
class Uses:
    """What rows and stored values refer to: files, and folders with all that is in them."""

    paths: set[str] = field(default_factory=set)

    def add(self, path: str) -> None:
        """One that names a whole project, or the storage itself, names nothing."""
        if "/" in (path := path.strip("/")):
            self.paths.add(path)

    def add_address(self, address: str) -> None:
        if path := relative(address):
            self.add(path)

    def has(self, path: str) -> bool:
        """Whether this file or folder is used, itself or as a part of a folder."""
        while path:
            if path in self.paths:
                return True
            path = path.rpartition("/")[0]
        return False


@dataclass(slots=True)
class Freed:
    """What was cleared away, or would be; kept: files and folders that something uses or that are too young."""

    files: int = 0
    bytes: int = 0
    kept: int = 0


def relative(address: str) -> str:
    """The path of an address below the storage; "" for any other."""
    scheme, rest = split_scheme(address)
    root_scheme, root = split_scheme(settings.STORAGE_URL)
    root = root.rstrip("/") + "/"
    return rest.removeprefix(root).strip("/") if scheme == root_scheme and rest.startswith(root) else ""


def address_of(path: str) -> str:
    return storage.join(settings.STORAGE_URL, path)


def measure(path: str, *, most: int = COUNTED) -> Freed:
    """How many files a folder has and how large they are; stops counting at `most`."""
    found = Freed()
    for size in _sizes(path):
        found.files, found.bytes = found.files + 1, found.bytes + size
        if found.files >= most:
            break
    return found


def _sizes(path: str) -> Iterator[int]:
    local = storage.local_path(address_of(path))
    if local is None:
        yield from (int(info["size"]) for info in _find_remote(path).values())
        return
    for root, _, files in os.walk(local):
        for file in files:
            try:
                yield Path(root, file).lstat().st_size
            except FileNotFoundError:
                continue


class Stopped(Exception):
    """Whoever clears was asked to stop; what is left is cleared the next time."""


@dataclass(slots=True)
class Clearance:
    """Removes what is below folders, but for what is used, and for what was changed after `before` (Unix seconds).

    stop: set by another thread, to have `clear` raise Stopped. freed: what was removed, or would be.
    """

    uses: Uses
    before: float = float("inf")
    dry_run: bool = False
    stop: Event = field(default_factory=Event)
    freed: Freed = field(default_factory=Freed)

    def clear(self, path: str) -> None:
        local = storage.local_path(address_of(path))
        if local is None:
            self._clear_remote(path)
        elif local.is_dir():
            self._clear_folder(local, path)

    def _clear_folder(self, folder: Path, path: str) -> None:
        if self.stop.is_set():
            raise Stopped
        if self.uses.has(path):
            self.freed.kept += 1
            return
        try:
            # Read first, because removing what is in it makes it younger.
            is_old = folder.lstat().st_mtime < self.before
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            return
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                self._clear_folder(Path(entry.path), f"{path}/{entry.name}")
            else:
                self._clear_file(Path(entry.path), f"{path}/{entry.name}")
        if is_old and not self.dry_run:
            with suppress(OSError):  # something is left in it, or has just come
                folder.rmdir()

    def _clear_file(self, file: Path, path: str) -> None:
        try:
            status = file.lstat()
            if self.uses.has(path) or status.st_mtime >= self.before:
                self.freed.kept += 1
                return
            if not self.dry_run:
                file.unlink()
                if self.freed.files % packs.PAUSE_EVERY == 0:
                    self.stop.wait(packs.PAUSE_SECONDS)
        except FileNotFoundError:
            return
        self.freed.files, self.freed.bytes = self.freed.files + 1, self.freed.bytes + status.st_size

    def _clear_remote(self, path: str) -> None:
        filesystem, name = objects.find_store(address_of(path))
        doomed = []
        for file, info in _find_remote(path).items():
            if self.uses.has(f"{path}{file.removeprefix(name.rstrip('/'))}"):
                self.freed.kept += 1
            else:
                doomed.append(file)
                self.freed.files, self.freed.bytes = (
                    self.freed.files + 1,
                    self.freed.bytes + int(info["size"]),
                )
        if doomed and not self.dry_run:
            filesystem.rm(doomed)


def list_folders(*parts: str) -> list[str]:
    """The names of the folders in a folder of the local storage."""
    local = storage.local_path(address_of("/".join(parts)))
    if local is None or not local.is_dir():
        return []
    return sorted(entry.name for entry in os.scandir(local) if entry.is_dir(follow_symlinks=False))


def is_storage_local() -> bool:
    return is_local(settings.STORAGE_URL)


def _find_remote(path: str) -> dict[str, Any]:
    filesystem, name = objects.find_store(address_of(path))
    try:
        found: dict[str, Any] = filesystem.find(name, detail=True)
    except FileNotFoundError:
        return {}
    return found


def touch(addresses: Iterable[str]) -> None:
    """Files that something is about to use are young again; none of them need be there."""
    for address in addresses:
        path = storage.local_path(address)
        if path is not None:
            with suppress(OSError):
                os.utime(path)
