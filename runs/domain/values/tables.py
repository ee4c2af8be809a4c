"""Tables: their columns with types, their first rows. Of CSV here; runs/store/parquet/ reads the other kind."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from runs.domain.texts import clean

MAX_ROWS = 200
MAX_COLUMNS = 60
MAX_CELL = 200  # characters


@dataclass(frozen=True, slots=True)
class Column:
    """A column and its type. is_number: aligned as numbers are."""

    name: str
    type: str
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A text in a row; is_number: as its column."""

    text: str
    is_number: bool


@dataclass(frozen=True, slots=True)
class Table:
    """rows: the first ones, each with a text a column. count: how many rows there are, None where that is not known.
    columns_left_out: how many columns are not shown. note: why there are no rows, where it has some.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    count: int | None
    columns_left_out: int = 0
    note: str = ""

    @property
    def cells(self) -> tuple[tuple[Cell, ...], ...]:
        """The rows with what a page needs of each cell."""
        numbers = [column.is_number for column in self.columns]
        return tuple(
            tuple(Cell(text, number) for text, number in zip(row, numbers, strict=True)) for row in self.rows
        )

    @property
    def rows_left_out(self) -> int:
        return max(0, (self.count or 0) - len(self.rows))


def cell(value: object) -> str:
    """A value as a cell shows it."""
    if value is None:
        return ""
    text = clean(value if isinstance(value, str) else str(value))
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 1]}…"


def read_csv(text: str, *, is_whole: bool, max_rows: int = MAX_ROWS) -> Table | None:
    """The table in a text, whose first row has the names; None for what is no table. is_whole: else its last line may be cut."""
    lines = list(
        io.StringIO(text, newline="")
    )  # not splitlines(), which knows more ends of lines than a CSV has
    if not is_whole:
        lines = lines[:-1]
    if not lines or not lines[0].strip():
        return None
    reader = csv.reader(lines, delimiter=_delimiter(lines[0]))
    try:
        header = next(reader)
        first = list(islice(reader, max_rows))
        count = len(first) + sum(1 for _ in reader)
    except (csv.Error, StopIteration):
        return None
    shown = [tuple(cell(value) for value in row[:MAX_COLUMNS]) for row in first]
    names = [cell(name) for name in header[:MAX_COLUMNS]]
    rows = tuple(_padded(row, len(names)) for row in shown)
    columns = tuple(_column(name, [row[at] for row in rows if row[at]]) for at, name in enumerate(names))
    return Table(columns, rows, count if is_whole else None, max(0, len(header) - MAX_COLUMNS))


def _delimiter(line: str) -> str:
    return max(",;\t|", key=line.count)


def _padded(row: Sequence[str], width: int) -> tuple[str, ...]:
    return (*row[:width], *[""] * (width - len(row)))


def _column(name: str, values: Sequence[str]) -> Column:
    """A file of texts does not say of which type they are: what all of the shown ones can be."""
    for kind, can_be in (("int", _is_int), ("float", _is_float), ("bool", _is_bool), ("datetime", _is_time)):
        if values and all(can_be(value) for value in values):
            return Column(name, kind, is_number=kind in {"int", "float"})
    return Column(name, "str")


def _is_int(text: str) -> bool:
    return text.lstrip("+-").isdecimal() and text.isascii()


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _is_bool(text: str) -> bool:
    return text.lower() in {"true", "false"}


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return len(text) >= len("2026-01-01")


def write_csv(header: Iterable[object], rows: Iterable[Iterable[object]]) -> Iterable[str]:
    """The lines of a file of CSV. What a spreadsheet would take for a formula gets a quote before it."""
    writer = csv.writer(_Echo())
    for row in ([*header], *rows):
        yield writer.writerow([_harmless(value) for value in row])


def _harmless(value: object) -> object:
    is_formula = isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"}
    return f"'{value}" if is_formula and not _is_float(str(value)) else value


class _Echo:
    """A file that gives back what is written."""

    def write(self, text: str) -> str:
        return text
