"""The columns of a Parquet file: their types as Python's libraries call them, and a value of each as a text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from runs.domain.texts import clean
from runs.store.parquet.encodings import BOOLEAN, BYTES, DOUBLE, FIXED, FLOAT, INT32, INT64, INT96, Plain
from runs.store.parquet.thrift import Damaged, Struct

REQUIRED, OPTIONAL, REPEATED = range(3)
_NAMES = {
    BOOLEAN: "bool",
    INT32: "int32",
    INT64: "int64",
    FLOAT: "float32",
    DOUBLE: "float64",
    INT96: "datetime",
}
_CONVERTED = {0: "str", 4: "enum", 6: "date", 9: "datetime", 10: "datetime", 19: "json"}
_SMALL = {
    11: "uint8",
    12: "uint16",
    13: "uint32",
    14: "uint64",
    15: "int8",
    16: "int16",
    17: "int32",
    18: "int64",
}
_LOGICAL = {1: "str", 4: "enum", 6: "date", 7: "time", 8: "datetime", 12: "json", 14: "uuid", 15: "float16"}
_UNITS = {1: 10**3, 2: 10**6, 3: 10**9}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_JULIAN_EPOCH = 2_440_588
MAX_LEAVES = 20_000


@dataclass(frozen=True, slots=True)
class Leaf:
    """What pages are of: path in the schema, physical type, width of FIXED, and how many levels there are."""

    path: tuple[bytes, ...]
    kind: int
    width: int
    max_definition: int
    max_repetition: int
    element: Struct


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the table. leaf: None for a structure of several, whose cells are not shown."""

    name: str
    type: str
    leaf: Leaf | None
    is_list: bool = False


def read_fields(elements: list[Struct]) -> list[Field]:
    """The columns of a schema, which is a tree written flat. Raises Damaged."""
    if not elements or len(elements) > MAX_LEAVES:
        raise Damaged("the file has no columns, or too many")
    rest = iter(elements[1:])
    return [_field(rest) for _ in range(_children(elements[0]))]


def _children(element: Struct) -> int:
    number = element.get(5, 0)
    return number if isinstance(number, int) and 0 <= number <= MAX_LEAVES else 0


def _field(rest: Iterator[Struct]) -> Field:
    first = _next(rest)
    leaves = list(_leaves(first, rest, (), (0, 0), 0))
    name = clean(_name(first).decode(errors="replace"))
    if not _children(first):
        return Field(name, type_of(first), leaves[0])
    is_list = first.get(6) == 3 or 3 in (first.get(10) or {})
    if is_list and len(leaves) == 1 and leaves[0].max_repetition == 1:
        return Field(name, f"list[{type_of(leaves[0].element)}]", leaves[0], is_list=True)
    is_map = first.get(6) in {1, 2} or 2 in (first.get(10) or {})
    return Field(name, "list" if is_list else "dict" if is_map else "struct", None)


def _next(rest: Iterator[Struct]) -> Struct:
    element = next(rest, None)
    if element is None:
        raise Damaged("the schema of the file is cut")
    return element


def _name(element: Struct) -> bytes:
    found = element.get(4, b"")
    return found if isinstance(found, bytes) else b""


def _leaves(
    element: Struct, rest: Iterator[Struct], path: tuple[bytes, ...], levels: tuple[int, int], depth: int
) -> Iterator[Leaf]:
    if depth > 30:
        raise Damaged("the schema of the file is nested too deep")
    definition, repetition = levels
    kind = element.get(3, REQUIRED)
    definition, repetition = definition + (kind != REQUIRED), repetition + (kind == REPEATED)
    path = (*path, _name(element))
    if not (count := _children(element)):
        yield Leaf(path, element.get(1, -1), element.get(2, 0), definition, repetition, element)
    for _ in range(count):
        yield from _leaves(_next(rest), rest, path, (definition, repetition), depth + 1)


def type_of(element: Struct) -> str:
    """Such as int64, str, datetime, decimal."""
    logical, converted, kind = element.get(10) or {}, element.get(6), element.get(1, -1)
    if 5 in logical or converted == 5:
        return "decimal"
    for known, name in _LOGICAL.items():
        if known in logical:
            return name
    if 10 in logical and isinstance(logical[10], dict):
        width, is_signed = logical[10].get(1, 64), logical[10].get(2, True)
        return f"{'' if is_signed else 'u'}int{width}"
    if converted in {7, 8}:
        return "time"
    named = _CONVERTED.get(converted) or _SMALL.get(converted) if isinstance(converted, int) else None
    return named or _NAMES.get(kind, "bytes")


def text_of(value: Plain, leaf: Leaf) -> str:
    """A value as a cell shows it."""
    kind = type_of(leaf.element)
    if isinstance(value, bytes):
        return _text_of_bytes(value, leaf, kind)
    if isinstance(value, bool | float):
        return f"{value:.7g}" if kind == "float32" else str(value)
    return _text_of_integer(value, leaf, kind)


def _text_of_integer(value: int, leaf: Leaf, kind: str) -> str:
    text = str(value)
    match kind:
        case "date":
            text = _moment(timedelta(days=value))[:10]
        case "datetime":
            text = _moment(timedelta(microseconds=value * 10**6 // _unit(leaf)))
        case "time":
            text = _moment(timedelta(microseconds=value * 10**6 // _unit(leaf)))[11:]
        case "decimal":
            text = str(_decimal(value, leaf))
        case unsigned if unsigned.startswith("uint") and value < 0:
            text = str(value + (1 << (32 if leaf.kind == INT32 else 64)))
    return text


def _moment(since: timedelta) -> str:
    try:
        return (_EPOCH + since).replace(tzinfo=None).isoformat(" ")
    except OverflowError:
        return "out of range"


def _unit(leaf: Leaf) -> int:
    """How many of a time's units make a second."""
    logical: Any = leaf.element.get(10) or {}
    told = logical.get(8) or logical.get(7) or {}
    for known, unit in _UNITS.items():
        if known in (told.get(2) or {}):
            return unit
    return 10**3 if leaf.element.get(6) in {7, 9} else 10**6


def _decimal(value: int, leaf: Leaf) -> Decimal:
    scale = (leaf.element.get(10) or {}).get(5, {}).get(1, leaf.element.get(7, 0))
    return Decimal(value).scaleb(-scale if isinstance(scale, int) and 0 <= scale <= 100 else 0)


def _text_of_bytes(value: bytes, leaf: Leaf, kind: str) -> str:
    if leaf.kind == INT96 and len(value) == 12:
        days, nanos = int.from_bytes(value[8:], "little"), int.from_bytes(value[:8], "little")
        return _moment(timedelta(days=days - _JULIAN_EPOCH, microseconds=nanos // 1000))
    if kind == "decimal":
        return str(_decimal(int.from_bytes(value[:32], "big", signed=True), leaf))
    if kind == "uuid" and len(value) == 16:
        return str(UUID(bytes=value))
    if leaf.kind in {BYTES, FIXED} and kind in {"str", "enum", "json"}:
        return value.decode(errors="replace")
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"{len(value):,} bytes"
