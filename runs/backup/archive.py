"""One zip file: a manifest, the digests of all members, the database, the files of the storage.

A zip, because its list of members is found at the end, so it can be written in one go and be judged by its manifest before
anything is unpacked.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from runs.backup.manifest import NAME, Manifest, read_manifest
from runs.domain.errors import Invalid

SUMS = "SHA256SUMS"  # "<digest>  <member>" a line, as sha256sum reads it
_PIECE = 1024**2


@dataclass
class Writer:
    """The members, as they are added. files, size: how many, and their bytes; skipped: links, and what is no file."""

    zip: zipfile.ZipFile
    sums: IO[bytes]
    files: int = 0
    size: int = 0
    skipped: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def add(self, path: Path, name: str) -> None:
        """Add one file as it is now. One that is gone meanwhile is left out: nothing refers to it any more."""
        try:
            with path.open("rb") as content:
                info = zipfile.ZipInfo.from_file(path, name, strict_timestamps=False)
                info.compress_type = zipfile.ZIP_DEFLATED
                # Whoever writes the file may make it longer while it is being read.
                with self.zip.open(info, "w", force_zip64=True) as member:
                    found, size = _copy(content, member)
        except FileNotFoundError:
            return
        line = f"{found}  {name}\n".encode()
        self.sums.write(line)
        self.digest.update(line)
        self.files, self.size = self.files + 1, self.size + size

    def add_folder(self, folder: Path, name: str) -> None:
        """Add all files below a folder, and the folders that are empty."""
        for root, folders, files in os.walk(folder):
            below = PurePosixPath(name, Path(root).relative_to(folder).as_posix())
            if not folders and not files and Path(root) != folder:
                self.zip.mkdir(str(below))
            for file in sorted(files):
                path = Path(root, file)
                if stat.S_ISREG(_mode_of(path)):
                    self.add(path, str(below / file))
                else:
                    self.skipped += 1


def _mode_of(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return stat.S_IFREG  # `add` leaves it out


def _copy(source: IO[bytes], target: IO[bytes]) -> tuple[str, int]:
    """Copy to the end; returns the SHA-256 in hex and the number of bytes."""
    digest, size = hashlib.sha256(), 0
    while piece := source.read(_PIECE):
        digest.update(piece)
        target.write(piece)
        size += len(piece)
    return digest.hexdigest(), size


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """A new archive, which appears under its name once it is whole. Call `finish` last."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        with (
            tempfile.TemporaryFile() as sums,
            zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        ):
            yield Writer(archive, sums)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def finish(writer: Writer, manifest: Manifest) -> None:
    """Add the digests and the manifest."""
    writer.sums.seek(0)
    with writer.zip.open(zipfile.ZipInfo(SUMS), "w", force_zip64=True) as member:
        shutil.copyfileobj(writer.sums, member)
    writer.zip.writestr(NAME, manifest.to_json())


@contextmanager
def reading(path: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """An archive and its manifest. Raises Invalid when it is damaged, or none."""
    with _damage_said(path):
        archive = zipfile.ZipFile(path)
    with archive:
        with _damage_said(path):
            manifest = read_manifest(archive.read(NAME))
        yield archive, manifest


@contextmanager
def _damage_said(path: Path) -> Iterator[None]:
    """What the zip module raises where bytes are not what they were, as Invalid."""
    try:
        yield
    except FileNotFoundError as error:
        raise Invalid(f"there is no file {str(path)!r}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, ValueError) as error:
        raise Invalid(
            f"{path} is damaged, or is no backup of flyteui ({error}); nothing was restored"
        ) from error
    except Invalid as error:
        raise Invalid(f"{path} is damaged: {error.message}; nothing was restored") from error


def unpack(archive: zipfile.ZipFile, manifest: Manifest, folder: Path) -> None:
    """Unpack all members, and check each. Raises Invalid at the first one that is not what was packed."""
    with _damage_said(Path(str(archive.filename))):
        _unpack(archive, manifest, folder)


def _unpack(archive: zipfile.ZipFile, manifest: Manifest, folder: Path) -> None:
    digest = hashlib.sha256()
    members = {name for name in archive.namelist() if not name.endswith("/")} - {NAME, SUMS}
    with archive.open(SUMS) as sums:
        for line in sums:
            digest.update(line)
            wanted, _, name = line.decode().rstrip("\n").partition("  ")
            if name not in members:
                raise Invalid(f"{name!r} is missing, or there twice")
            members.discard(name)
            if _unpack_file(archive, name, _place(folder, name)) != wanted:
                raise Invalid(f"{name!r} is not what was packed")
    if members:
        raise Invalid(f"{min(members)!r} has no digest")
    if digest.hexdigest() != manifest.sums:
        raise Invalid("the list of digests is not what was packed")
    for name in archive.namelist():
        if name.endswith("/"):
            _place(folder, name.rstrip("/")).mkdir(parents=True, exist_ok=True)


def _place(folder: Path, name: str) -> Path:
    parts = PurePosixPath(name).parts
    if len(parts) < 2 or parts[0] not in {"database", "storage"} or ".." in parts or "\\" in name:
        raise Invalid(f"a member is named {name!r}")
    return folder.joinpath(*parts)


def _unpack_file(archive: zipfile.ZipFile, name: str, target: Path) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    info = archive.getinfo(name)
    with archive.open(info) as member, target.open("wb") as out:
        found, _ = _copy(member, out)
    if mode := info.external_attr >> 16 & 0o777:
        target.chmod(mode | stat.S_IRUSR | stat.S_IWUSR)
    return found
