"""The first values of one column: its dictionary and as many pages as they take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runs.store.parquet import encodings
from runs.store.parquet.compression import Unknown, unpack
from runs.store.parquet.encodings import PLAIN_DICTIONARY, RLE_DICTIONARY, Plain, Short, read_plain, read_runs
from runs.store.parquet.schema import Leaf
from runs.store.parquet.thrift import Damaged, Reader, Struct

DATA, INDEX, DICTIONARY, DATA_2 = range(4)
MAX_PAGE = 16_000_000  # bytes, packed
MAX_PAGES = 40
MAX_LEVELS = 200_000
_HEADER = 16_384  # bytes that a page's header may take: statistics are in it
_FIRST = 16_384  # bytes that are unpacked at first
_MOST = 32_000_000  # … and at last
ReadAt = Callable[[int, int], bytes]
Row = Plain | list[Plain | None] | None


class TooMuch(Damaged):
    """The preview has unpacked as much as it may."""


@dataclass(slots=True)
class Budget:
    """How many bytes may still be unpacked for this table."""

    left: int

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise TooMuch("its first rows are too large for a preview")


@dataclass(slots=True)
class Chunk:
    """A column's pages in a row group."""

    read_at: ReadAt
    leaf: Leaf
    meta: Struct
    budget: Budget

    def first_rows(self, count: int) -> list[Row]:
        """The first rows, as many as there are. Raises Unknown, TooMuch or Damaged."""
        starts = [
            self.meta[key] for key in (11, 9) if isinstance(self.meta.get(key), int) and self.meta[key] > 0
        ]
        if not starts:
            raise Damaged("a column of the file has no pages")
        at, end = min(starts), min(starts) + self.meta.get(7, 0)
        dictionary = _Page(b"", {}, 0)
        rows: list[Row] = []
        for _ in range(MAX_PAGES):
            if at >= end or len(rows) >= count:
                break
            page, at = self._page(at)
            if page.header.get(1) == DICTIONARY:
                dictionary = page
            elif page.header.get(1) in {DATA, DATA_2}:
                rows += self._rows(page, dictionary, count - len(rows))
        return rows[:count]

    def _page(self, at: int) -> tuple[_Page, int]:
        """The page there, and where the next one begins."""
        reader = Reader(self.read_at(at, _HEADER))
        header = reader.struct()
        size = header.get(3, 0)
        if not isinstance(size, int) or not 0 <= size <= MAX_PAGE:
            raise TooMuch("its first rows are too large for a preview")
        at += reader.at
        return _Page(self.read_at(at, size), header, self.meta.get(4, 0)), at + size

    def _rows(self, page: _Page, dictionary: _Page, count: int) -> list[Row]:
        """With as much of the page unpacked as it takes: a little at first."""
        limit = _FIRST
        while True:
            self.budget.take(min(limit, page.size))
            try:
                return self._read(page, dictionary, count, limit)
            except Short:
                if limit >= page.size or limit >= _MOST:
                    raise
                limit = min(limit * 16, max(page.size, _FIRST))

    def _read(self, page: _Page, dictionary: _Page, count: int, limit: int) -> list[Row]:
        parts = page.parts(self.leaf, limit)
        wanted = min(count, parts.total) if not self.leaf.max_repetition else min(parts.total, MAX_LEVELS)
        repetitions = _levels(parts.repetitions, self.leaf.max_repetition, wanted)
        definitions = _levels(parts.definitions, self.leaf.max_definition, wanted)
        if self.leaf.max_repetition:
            wanted = _upto(repetitions, count)
            definitions = definitions[:wanted]
        present = sum(one == self.leaf.max_definition for one in definitions)
        values = self._values(parts, dictionary, present, limit)
        return _assembled(values, definitions, repetitions[:wanted], self.leaf)

    def _values(self, parts: _Parts, dictionary: _Page, count: int, limit: int) -> list[Plain]:
        if not count:
            return []
        kind, width = self.leaf.kind, self.leaf.width
        if parts.encoding not in {PLAIN_DICTIONARY, RLE_DICTIONARY}:
            total = parts.total - parts.nulls
            return encodings.read_values(parts.values, parts.encoding, kind, count, total=total, width=width)
        if not parts.values:
            raise Short("a page of the file is cut")
        indexes = read_runs(parts.values[1:], parts.values[0], count)
        known = self._dictionary(dictionary, max(indexes) + 1)
        return [known[one] for one in indexes]

    def _dictionary(self, page: _Page, count: int) -> list[Plain]:
        """Its first values, up to the last one that is needed."""
        if count > page.header.get(7, {}).get(1, 0):
            raise Damaged("a column of the file has no dictionary for its values")
        limit = _FIRST
        while True:
            self.budget.take(min(limit, page.size))
            try:
                return read_plain(
                    unpack(page.data, page.codec, limit), self.leaf.kind, count, self.leaf.width
                )
            except Short as error:
                if limit >= page.size or limit >= _MOST:
                    raise Damaged("a column of the file has no dictionary for its values") from error
                limit *= 16


@dataclass(frozen=True, slots=True)
class _Parts:
    repetitions: bytes
    definitions: bytes
    values: bytes
    encoding: int
    total: int
    nulls: int


@dataclass(frozen=True, slots=True)
class _Page:
    data: bytes
    header: Struct
    codec: int

    @property
    def size(self) -> int:
        found = self.header.get(2, 0)
        return found if isinstance(found, int) else 0

    def parts(self, leaf: Leaf, limit: int) -> _Parts:
        if self.header.get(1) == DATA_2:
            return self._parts_2(limit)
        head: Struct = self.header.get(5) or {}
        data = unpack(self.data, self.codec, limit)
        pieces: list[bytes] = []
        for most in (leaf.max_repetition, leaf.max_definition):
            if not most:
                pieces.append(b"")
                continue
            size = int.from_bytes(data[:4], "little")
            if len(data) < 4 + size:
                raise Short("a page of the file is cut")
            pieces.append(data[4 : 4 + size])
            data = data[4 + size :]
        total = head.get(1, 0)
        nulls = 0
        if head.get(2) == encodings.SPLIT and leaf.max_definition:
            known = read_runs(pieces[1], leaf.max_definition.bit_length(), min(total, MAX_LEVELS))
            nulls = sum(one < leaf.max_definition for one in known)
        return _Parts(pieces[0], pieces[1], data, head.get(2, 0), total, nulls)

    def _parts_2(self, limit: int) -> _Parts:
        head: Struct = self.header.get(8) or {}
        levels = head.get(6, 0), head.get(5, 0)
        rest = self.data[sum(levels) :]
        values = unpack(rest, self.codec if head.get(7, True) else 0, limit)
        repetitions, definitions = self.data[: levels[0]], self.data[levels[0] : sum(levels)]
        return _Parts(repetitions, definitions, values, head.get(4, 0), head.get(1, 0), head.get(2, 0))


def _levels(data: bytes, most: int, count: int) -> list[int]:
    return read_runs(data, most.bit_length(), count) if most else [0] * count


def _upto(repetitions: list[int], count: int) -> int:
    """How many values the first `count` rows have."""
    seen = 0
    for at, level in enumerate(repetitions):
        seen += level == 0
        if seen > count:
            return at
    return len(repetitions)


def _assembled(values: list[Plain], definitions: list[int], repetitions: list[int], leaf: Leaf) -> list[Row]:
    """Rows of values and of lists, with None for what is null."""
    rest = iter(values)
    rows: list[Row] = []
    for definition, repetition in zip(definitions, repetitions or [0] * len(definitions), strict=False):
        value = next(rest, None) if definition == leaf.max_definition else None
        if not leaf.max_repetition:
            rows.append(value)
        elif repetition == 0:
            rows.append(_first_of(value, definition, leaf))
        elif rows and isinstance(rows[-1], list):
            rows[-1].append(value)
    return rows


def _first_of(value: Plain | None, definition: int, leaf: Leaf) -> Row:
    """What begins with the first value of a list: the list may be null, or empty."""
    is_nullable_item = leaf.element.get(3) == 1
    holds_any = leaf.max_definition - is_nullable_item
    if definition >= holds_any:
        return [value]
    return [] if definition == holds_any - 1 else None


__all__ = ["Budget", "Chunk", "Row", "TooMuch", "Unknown"]
