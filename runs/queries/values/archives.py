"""A folder of the storage as one zip, made while it is sent: whatever its size, a piece of it is in memory."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import PurePosixPath
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from django.conf import settings

from runs.domain.addresses.storage import is_inside
from runs.domain.errors import Invalid, NotFound
from runs.domain.roles import Subject
from runs.domain.texts import format_bytes
from runs.domain.values.parts import Part
from runs.queries.values.files import check_readable
from runs.store import folders, storage
from runs.store.folders import Entry

MAX_FILES = 10_000
MAX_BYTES = 10_000_000_000
PIECE_BYTES = 256 * 1024
_QUICK = 1  # of zlib's levels: who stores much has packed it already
# What a name may not have in an archive: some programs take "\" for a slash and "C:" for a disk; the rest no program can write.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]|^[A-Za-z]:")
_NO_NAMES = frozenset({"", ".", ".."})


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that may be read and is not too large. name: of the archive, without its ending."""

    uri: str
    name: str
    entries: tuple[Entry, ...]


def find_folder(part: Part, subject: Subject) -> Folder:
    """The folder that a value stands for. Raises NotFound, or Invalid for one that is too large or not in the storage."""
    check_readable(part.uri, subject)
    found = folders.list_files(part.uri, most=MAX_FILES + 1)
    if found is None:
        raise NotFound(f"there is no folder at {part.uri[:300]!r} any more, or not yet")
    if len(found) > MAX_FILES or sum(one.size for one in found) > MAX_BYTES:
        raise Invalid(
            f"the folder has more than {MAX_FILES:,} files or {format_bytes(MAX_BYTES)}, too much for one download: "
            f"open its files one by one, or copy {part.uri[:300]!r} from the storage"
        )
    for one in found:
        if not is_inside(storage.join(part.uri, one.name), settings.STORAGE_URL):
            raise Invalid(f"the folder has a file {one.name[:200]!r}, a name that is not read here")
    return Folder(part.uri, PurePosixPath(part.uri).name or "folder", tuple(found))


def pack(folder: Folder, subject: Subject) -> Generator[bytes]:
    """The zip in pieces. It breaks off, and so is no zip, when a file has gone since it was listed: NotFound."""
    sink = _Sink()
    with ZipFile(sink, "w", ZIP_DEFLATED, compresslevel=_QUICK) as archive:
        for name, entry in _safe_names(folder.entries):
            info = ZipInfo(name, time.gmtime()[:6])
            info.compress_type, info.file_size = ZIP_DEFLATED, entry.size
            info.external_attr = 0o644 << 16
            with archive.open(info, "w") as packed:
                for piece in _pieces(storage.join(folder.uri, entry.name), entry.size, subject):
                    packed.write(piece)
                    yield from sink.take()
    yield from sink.take()


def _pieces(uri: str, size: int, subject: Subject) -> Iterator[bytes]:
    """No more than was listed, should the file grow meanwhile."""
    check_readable(uri, subject)
    file = storage.open_file(uri)
    if file is None:
        raise NotFound(f"the file {uri[:300]!r} is gone")
    with file:
        while size > 0 and (piece := file.read(min(size, PIECE_BYTES))):
            size -= len(piece)
            yield piece


def _safe_names(entries: tuple[Entry, ...]) -> Iterator[tuple[str, Entry]]:
    """Each with a name that stays in the folder where somebody unpacks it, and that no other has."""
    taken: set[str] = set()
    for entry in entries:
        parts = (_UNSAFE.sub("_", part) for part in entry.name.split("/"))
        safe = "/".join("_" if part in _NO_NAMES else part for part in parts)
        name = _other(safe, taken) if safe in taken else safe
        taken.add(name)
        yield name, entry


def _other(name: str, taken: set[str]) -> str:
    return next(one for number in count(2) if (one := f"{name}-{number}") not in taken)


class _Sink(io.RawIOBase):
    """What the archive writes, until it is taken away."""

    def __init__(self) -> None:
        self._made = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        self._made += data  # type: ignore[arg-type]  # any buffer
        return len(data)  # type: ignore[arg-type]

    def take(self) -> Iterator[bytes]:
        """What was written since; nothing, when nothing was."""
        made, self._made = bytes(self._made), bytearray()
        if made:
            yield made
