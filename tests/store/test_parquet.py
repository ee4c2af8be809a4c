"""The reader of Parquet, with files that pyarrow has written: 40 rows of most types (the row i is what `row` says)."""

from __future__ import annotations

import io
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.domain.errors import Invalid
from runs.domain.values.tables import Table
from runs.store.parquet.compression import unpack
from runs.store.parquet.file import read_parquet

FILES = Path(__file__).parent / "parquet_files"
ROWS = 40


def read(name: str, *, rows: int = 100) -> Table:
    data = (FILES / name).read_bytes()
    return read_parquet(io.BytesIO(data), len(data), max_rows=rows)


def column(table: Table, name: str) -> list[str]:
    at = [one.name for one in table.columns].index(name)
    return [row[at] for row in table.rows]


def row(i: int) -> dict[str, str]:
    """What the file has in a row, as a cell shows it."""
    return {
        "id": str(i),
        "small": str(i % 7),
        "lr": "" if i % 5 == 0 else str(i / 8),
        "f": f"{i / 3:.7g}",
        "name": "" if i % 7 == 0 else f"trial {i} é",
        "text": f"{i:09} " + "x" * (i % 30),
        "ok": str(i % 2 == 0),
        "when": str(datetime(2026, 1, 1) + timedelta(seconds=i)),  # noqa: DTZ001  # the file has none
        "day": str(date(2026, 1, 1) + timedelta(days=i)),
        "t": f"01:02:{i % 60:02}",
        "price": f"{i / 100:.2f}",
        "vec": "" if i % 6 == 0 else "[]" if i % 6 == 1 else f"[{i / 2}, None, 1.0]",
        "words": f"[{', '.join([str(i)] * (i % 3))}]",
        "cat": "abc"[i % 3],
        "none": "",
    }


def test_columns_have_the_names_and_types_that_python_knows():
    table = read("snappy.parquet")

    types = {one.name: one.type for one in table.columns}
    assert types == {
        "id": "int64", "small": "int8", "lr": "float64", "f": "float32", "name": "str", "text": "str", "ok": "bool",
        "when": "datetime", "day": "date", "t": "time", "price": "decimal", "vec": "list[float64]", "words": "list[str]",
        "st": "struct", "m": "dict", "raw": "bytes", "cat": "str", "none": "int32",
    }  # fmt: skip
    assert table.count == ROWS


@pytest.mark.parametrize("name", sorted(row(0)))
def test_the_rows_of_a_file_as_pandas_writes_it(name: str):
    assert column(read("snappy.parquet"), name) == [row(i)[name] for i in range(ROWS)]


@pytest.mark.parametrize("name", ["id", "lr", "f", "name", "ok", "when", "small", "day", "price"])
def test_the_rows_of_a_file_with_other_encodings_and_pages(name: str):
    assert column(read("encodings.parquet"), name) == [row(i)[name] for i in range(ROWS)]


def test_as_many_rows_as_are_asked_for():
    table = read("snappy.parquet", rows=3)

    assert (len(table.rows), table.count, table.rows_left_out) == (3, ROWS, ROWS - 3)


def test_a_structure_and_bytes_are_not_shown_but_there():
    table = read("snappy.parquet")

    assert column(table, "st")[0] == "…"
    assert column(table, "raw")[1] == "2 bytes"


def test_the_rows_of_a_file_that_is_packed_with_zstandard():
    table = read("zstd.parquet")

    assert table.note == ""
    for one in table.columns:
        assert column(table, one.name) == [row(i)[one.name] for i in range(ROWS)]


@pytest.mark.parametrize(
    ("codec", "name"), [(4, "Brotli"), (7, "LZ4"), (3, "LZO"), (99, "a codec of its own")]
)
def test_what_it_is_packed_with_is_said_where_that_is_not_read(codec: int, name: str):
    with pytest.raises(Invalid, match=f"packed with {name}, which is not read here; download"):
        unpack(b"...", codec, 10)


@given(st.binary(max_size=60), st.integers(1, 1000))
def test_zstandard_that_is_damaged_is_refused_and_never_unpacked_further_than_asked(noise: bytes, limit: int):
    packed = bytes.fromhex("28b52ffd") + noise
    with suppress(Invalid):
        assert len(unpack(packed, 6, limit)) <= limit


def test_what_is_too_large_for_a_preview_is_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("runs.store.parquet.file.MAX_UNPACKED", 600)

    table = read("snappy.parquet")

    assert "too large for a preview" in table.note
    assert column(table, "id")[:2] == ["0", "1"]


@given(st.data())
def test_a_damaged_file_is_refused_or_read_but_never_breaks(data: st.DataObject):
    content = bytearray(
        (FILES / data.draw(st.sampled_from(["snappy.parquet", "encodings.parquet"]))).read_bytes()
    )
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    for damaged in (bytes(content), bytes(content[:cut])):
        with suppress(Invalid):
            assert len(read_parquet(io.BytesIO(damaged), len(damaged), max_rows=20).rows) <= 20
