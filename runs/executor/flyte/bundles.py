"""Fetches code bundles, once per home folder, and unpacks them safely, laid out as the SDK's own download leaves them.

An executor's current folder is one bundle. The SDK's entry point in a child process runs there too, finds the SDK's
marker file, and fetches nothing.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path

import flyte.storage

from runs.domain.addresses.storage import is_inside
from runs.executor.home import bundle_folder

MAX_FILES = 100_000
MAX_BYTES = 2 * 1024**3
DONE = ".flyteui-bundle"


class InvalidBundle(Exception):
    """The bundle cannot be unpacked, or must not be."""


async def prepare_bundle(uri: str, home: Path, storage_url: str = "", files: Path | None = None) -> Path:
    """The folder with the code of a pool. No bundle (code in the environment) or a pickled one: an empty folder.

    It is never fetched twice, and from nowhere but the storage, where that is known. files: what the image has put where its
    actions start. It is found there as in a container, into which the bundle is unpacked later and wins.
    """
    if uri and storage_url and not is_inside(uri, storage_url):
        raise InvalidBundle(f"the code bundle {uri[:300]!r} is outside of the storage {storage_url!r}")
    folder = bundle_folder(uri, home, str(files or ""))
    if (folder / DONE).exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Unpacked beside and renamed, so that no other process ever sees half of it.
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpacking-"))
    try:
        if uri.endswith((".tar.gz", ".tgz")):
            archive = work.with_suffix(".archive")
            try:
                await _fetch(uri, archive)
                unpack(archive, work)
            finally:
                archive.unlink(missing_ok=True)
            name = uri.rpartition("/")[2]
            (work / f".{name}.extracted").touch()
        if files is not None:
            lay_beside(files, work)
        (work / DONE).touch()
        move_into_place(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


def move_into_place(work: Path, folder: Path) -> None:
    work.chmod(0o700)
    try:
        work.rename(folder)
    except OSError:  # another process was faster
        if not (folder / DONE).exists():
            raise


def lay_beside(files: Path, folder: Path) -> None:
    """Link these files into the folder, except those that it has."""
    for entry in os.scandir(files):
        there = folder / entry.name
        if entry.is_dir() and there.is_dir() and not there.is_symlink():
            lay_beside(Path(entry.path), there)
        elif not os.path.lexists(there):
            there.symlink_to(entry.path)


async def _fetch(uri: str, archive: Path) -> None:
    try:
        await flyte.storage.get(uri, str(archive))
    except (AssertionError, FileNotFoundError) as missing:  # the SDK asserts that the file is there
        raise InvalidBundle(f"the code bundle {uri} is not in storage") from missing


def unpack(archive: Path, folder: Path, what: str = "code bundle") -> None:
    """Unpack a .tar.gz, or raise InvalidBundle, which names the member that is not allowed. what: the archive, for that message."""
    files = size = 0
    try:
        with tarfile.open(archive, "r:gz") as bundle:
            for member in bundle:
                files, size = files + 1, size + member.size
                if files > MAX_FILES:
                    raise InvalidBundle(f"the {what} has more than {MAX_FILES} files")
                if size > MAX_BYTES:
                    raise InvalidBundle(f"the {what} is larger than {MAX_BYTES // 1024**2} MiB when unpacked")
                bundle.extract(member, folder, filter="data")
    except tarfile.FilterError as refused:
        raise InvalidBundle(f"the {what} may not be unpacked: {refused}") from refused
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as broken:
        raise InvalidBundle(f"the {what} is not a gzip'ed tar file: {broken}") from broken
