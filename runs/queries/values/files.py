"""Files, folders and tables that a value names: read for a page within bounds, by the rights of whoever reads.

The address is in what user code has written, so it may be any: only a file of this storage is read, of a project that the reader may read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any

from runs.domain.errors import Invalid, NotFound
from runs.domain.roles import Role, Subject, has_role
from runs.domain.texts import clean, format_bytes
from runs.domain.values.contents import SNIFFED, Content, image_type, sniff
from runs.domain.values.parts import Kind, Part, of_plain
from runs.domain.values.tables import MAX_ROWS, Table, read_csv
from runs.domain.values.trees import Limits, Node, make_node
from runs.store import folders, storage
from runs.store.folders import Entry
from runs.store.parquet.file import read_parquet

MAX_IMAGE = 20_000_000  # bytes
MAX_ENTRIES = 500  # of a folder


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a page reads of one file, and shows of it."""

    read: int  # bytes of a text or of a CSV
    characters: int
    rows: int
    entries: int


PANEL = Bounds(read=64_000, characters=2_000, rows=5, entries=10)
PAGE = Bounds(read=4_000_000, characters=400_000, rows=MAX_ROWS, entries=MAX_ENTRIES)
_TREE = Limits(nodes=2_000, characters=4_000)


@dataclass(frozen=True, slots=True)
class Preview:
    """What can be shown of what a value stands for; exactly one of table, text, tree, entries and is_image is set, or `note` says why
    none is. is_cut: there is more than that. size: None where it is not known, or for a folder.
    """

    name: str
    size: int | None = None
    note: str = ""
    is_image: bool = False
    text: str = ""
    table: Table | None = None
    tree: Node | None = None
    entries: tuple[Entry, ...] | None = None
    is_cut: bool = False
    can_download: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """A file that may be read. name: for whoever downloads it."""

    uri: str
    name: str
    size: int


def find_file(part: Part, subject: Subject, below: str = "") -> Stored:
    """The file that a value stands for; of a folder, the one `below`. Raises NotFound, or Invalid for what is not in the storage."""
    uri = part.uri
    if below and part.kind in {Kind.DIR, Kind.TABLE}:
        uri = storage.join(uri, storage.check_path("file", below))
    check_readable(uri, subject)
    if part.kind is Kind.TABLE and not below and (one := _only_file(uri)):
        uri = storage.join(uri, one.name)
    size = storage.find_size(uri)
    if size is None:
        raise NotFound(f"there is no file at {uri[:300]!r} any more, or not yet")
    return Stored(uri, _name_of(part, uri), size)


def check_readable(uri: str, subject: Subject) -> None:
    """Raise Invalid for what is not in the storage, NotFound for what is of a project that the reader may not read."""
    if not uri:
        raise NotFound("it names no address")
    if not has_role(subject, Role.VIEWER, folders.project_of(uri)):
        raise NotFound("it is a file of a project that you may not read")


def _only_file(uri: str) -> Entry | None:
    """The SDK writes a table into a folder, of one file."""
    found = folders.list_files(uri, most=2) or []
    return found[0] if len(found) == 1 else None


def _name_of(part: Part, uri: str) -> str:
    """The SDK calls the file of a table 00000: it gets the ending that programs know it by."""
    name = PurePosixPath(uri).name or "file"
    is_bare = part.kind is Kind.TABLE and not PurePosixPath(name).suffix
    return f"{name}.{part.format}" if is_bare and part.format.isalnum() else name


def preview(part: Part, subject: Subject, bounds: Bounds, below: str = "") -> Preview:
    """What a page shows of it. Never raises for what the value says: the note does."""
    name = PurePosixPath(part.uri).name
    try:
        if is_folder(part, subject, below):
            return _folder(part, bounds)
        stored = find_file(part, subject, below)
    except Invalid:
        return Preview(name, note="It is not in the storage of this server.")
    except NotFound as error:
        return Preview(name, note=_sentence(error.message))
    except OSError as error:
        return Preview(name, note=f"The storage does not give it: {error.strerror or error}.")
    if part.kind is Kind.PICKLE:
        note = "Pickled: only Python can open it, which is not done here."
        return Preview(stored.name, stored.size, note, can_download=True)
    return _of_file(stored, part.format, bounds)


def is_folder(part: Part, subject: Subject, below: str = "") -> bool:
    """Whether it stands for a folder, or for a table in several files. Raises NotFound or Invalid for what may not be read."""
    check_readable(part.uri, subject)
    if below or part.kind is not Kind.TABLE:
        return not below and part.kind is Kind.DIR
    return len(folders.list_files(part.uri, most=2) or []) > 1


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _folder(part: Part, bounds: Bounds) -> Preview:
    found = folders.list_files(part.uri, most=bounds.entries + 1)
    name = PurePosixPath(part.uri).name
    if found is None:
        return Preview(name, note="There is no such folder any more, or not yet.")
    shown = tuple(found[: bounds.entries])
    return Preview(name, entries=shown, is_cut=len(found) > len(shown), can_download=bool(found))


def _of_file(stored: Stored, form: str, bounds: Bounds) -> Preview:
    made: dict[str, Any] = {}
    try:
        with _opened(stored) as file:
            made = _shown(file, stored, form, bounds)
    except (Invalid, NotFound) as error:
        made = {"note": _sentence(error.message)}
    except OSError as error:
        made = {"note": f"The storage does not give it: {error.strerror or error}."}
    return Preview(stored.name, stored.size, can_download=True, **made)


def _opened(stored: Stored) -> IO[bytes]:
    file = storage.open_file(stored.uri)
    if file is None:
        raise NotFound("the file is gone")
    return file


def _shown(file: IO[bytes], stored: Stored, form: str, bounds: Bounds) -> dict[str, Any]:
    head = file.read(SNIFFED)
    content = sniff(head, stored.name, form)
    match content:
        case Content.EMPTY:
            return {"note": "The file is empty."}
        case Content.IMAGE if stored.size <= MAX_IMAGE:
            return {"is_image": True}
        case Content.IMAGE:
            return {"note": f"An image of more than {format_bytes(MAX_IMAGE)} is not shown here."}
        case Content.PARQUET:
            table = read_parquet(file, stored.size, max_rows=bounds.rows)
            return {"table": table, "is_cut": bool(table.rows_left_out)}
        case Content.OTHER:
            return {"note": "No preview of this kind of file."}
    more = b"" if len(head) < SNIFFED else file.read(bounds.read)
    return _of_text(head + more, stored, content, bounds)


def _of_text(data: bytes, stored: Stored, content: Content, bounds: Bounds) -> dict[str, Any]:
    is_whole = len(data) >= stored.size
    text = data.decode(errors="ignore" if not is_whole else "replace").removeprefix("\ufeff")
    if content is Content.TABLE and (table := read_csv(text, is_whole=is_whole, max_rows=bounds.rows)):
        return {"table": table, "is_cut": not is_whole or bool(table.rows_left_out)}
    if content is Content.JSON and is_whole and (tree := _json(text)):
        return {"tree": tree, "is_cut": not tree.is_whole}
    shown = clean(text[: bounds.characters])
    return {"text": shown, "is_cut": len(shown) < len(text) or not is_whole}


def _json(text: str) -> Node | None:
    try:
        return make_node(of_plain(json.loads(text)), _TREE)
    except (ValueError, RecursionError):
        return None


def read_image(stored: Stored) -> tuple[str, bytes]:
    """The media type of an image, by its content, and its bytes. Raises Invalid for what is none, or too large."""
    with _opened(stored) as file:
        kind = image_type(file.read(SNIFFED)) if stored.size <= MAX_IMAGE else ""
        if not kind:
            raise Invalid(f"{stored.name!r} is no image that is shown here")
        file.seek(0)
        return kind, file.read(MAX_IMAGE)
