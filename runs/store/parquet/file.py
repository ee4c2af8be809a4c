"""A Parquet file as a table for people: its columns, its number of rows, its first rows."""

from __future__ import annotations

import struct
from typing import IO, Any

from runs.domain.texts import format_bytes
from runs.domain.values.tables import MAX_COLUMNS, Column, Table, cell
from runs.store.parquet.pages import Budget, Chunk, Row
from runs.store.parquet.schema import Field, Leaf, read_fields, text_of
from runs.store.parquet.thrift import Damaged, Reader, Struct

MAX_FOOTER = 4_000_000  # bytes
MAX_UNPACKED = 12_000_000  # bytes, of all columns of a preview
MAX_ITEMS = 20  # of a list, in a cell
_MAGIC = b"PAR1"


def read_parquet(file: IO[bytes], size: int, *, max_rows: int) -> Table:
    """Raises Invalid for what is damaged or too large. What of its columns cannot be read is empty, and `note` says why."""

    def read_at(start: int, count: int) -> bytes:
        file.seek(start)
        return file.read(max(0, min(count, size - start)))

    try:
        return _read(read_at, size, max_rows)
    except (TypeError, AttributeError, LookupError, ValueError, ArithmeticError, struct.error) as error:
        raise Damaged("the file is damaged: it is not as Parquet files are") from error


def _read(read_at: Any, size: int, max_rows: int) -> Table:
    meta = _footer(read_at, size)
    fields = read_fields(meta[2])
    shown = fields[:MAX_COLUMNS]
    chunks = _chunks(meta)
    budget = Budget(MAX_UNPACKED)
    notes: dict[str, list[str]] = {}
    columns: list[list[str]] = []
    for field in shown:
        try:
            columns.append(_cells(field, chunks, read_at, budget, max_rows))
        except Damaged as error:
            notes.setdefault(error.message, []).append(field.name)
            columns.append([])
    count = meta[3]
    rows = min(count, max((len(one) for one in columns), default=0))
    padded = [[*one[:rows], *["…"] * (rows - len(one))] for one in columns]
    return Table(
        columns=tuple(Column(cell(one.name), one.type, _is_number(one.type)) for one in shown),
        rows=tuple(zip(*padded, strict=True)) if rows else (),
        count=count,
        columns_left_out=len(fields) - len(shown),
        note=_note(notes, has_rows=bool(rows)),
    )


def _footer(read_at: Any, size: int) -> Struct:
    end = read_at(max(0, size - 8), 8)
    if end[4:] != _MAGIC:
        raise Damaged("the file is cut: its end is missing")
    length = int.from_bytes(end[:4], "little")
    if length > min(MAX_FOOTER, size - 12):
        raise Damaged(
            f"the metadata of the file have {format_bytes(length)}, which is too much to be read here"
        )
    return Reader(read_at(size - 8 - length, length)).struct()


def _chunks(meta: Struct) -> dict[tuple[bytes, ...], Struct]:
    """The columns of the first row group that has rows, by their path."""
    group: Struct = next((one for one in meta.get(4, []) if one.get(3, 0) > 0), {})
    found = (one.get(3, {}) for one in group.get(1, []))
    return {tuple(one.get(3, [])): one for one in found}


def _cells(
    field: Field, chunks: dict[tuple[bytes, ...], Struct], read_at: Any, budget: Budget, count: int
) -> list[str]:
    leaf = field.leaf
    if leaf is None or not chunks:
        return []
    if leaf.path not in chunks:
        raise Damaged("a column of the file has no pages")
    chunk = Chunk(read_at, leaf, chunks[leaf.path], budget)
    return [_text(row, leaf) for row in chunk.first_rows(count)]


def _text(row: Row, leaf: Leaf) -> str:
    if row is None:
        return ""
    if isinstance(row, list):
        items = ["None" if one is None else text_of(one, leaf) for one in row[:MAX_ITEMS]]
        return cell(f"[{', '.join(items)}{', …' if len(row) > MAX_ITEMS else ''}]")
    return cell(text_of(row, leaf))


def _is_number(kind: str) -> bool:
    return kind.startswith(("int", "uint", "float", "decimal"))


def _note(notes: dict[str, list[str]], *, has_rows: bool) -> str:
    """Which columns could not be read, and why."""
    said = []
    for why, names in notes.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        what = f"Not shown of {', '.join(map(cell, names[:3]))}{more}" if has_rows else "No rows"
        said.append(f"{what}: {why}.")
    return " ".join(said)
