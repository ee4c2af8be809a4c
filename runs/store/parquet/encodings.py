"""Values of a page: levels and indexes in runs, plain values, deltas. Each function reads as many as it is asked for."""

from __future__ import annotations

import struct
from collections.abc import Callable

from runs.store.parquet.compression import Unknown
from runs.store.parquet.thrift import Damaged, Reader

BOOLEAN, INT32, INT64, INT96, FLOAT, DOUBLE, BYTES, FIXED = range(8)
PLAIN, PLAIN_DICTIONARY, RLE, BIT_PACKED, DELTA, DELTA_LENGTH, DELTA_BYTES, RLE_DICTIONARY, SPLIT = (
    0,
    *range(2, 10),
)
MOST_DELTAS = 2_000_000  # of a page: a block of equal ones takes no room at all
Plain = int | float | bool | bytes
_FORMATS = {INT32: "i", INT64: "q", FLOAT: "f", DOUBLE: "d"}


class Short(Damaged):
    """More of the page must be unpacked for as many values."""


def read_runs(data: bytes, width: int, count: int) -> list[int]:
    """Numbers of `width` bits, in runs of equal ones and in packed groups of eight."""
    found: list[int] = []
    reader = Reader(data)
    size = (width + 7) // 8
    if width > 32:
        raise Damaged("a level of the file has more than 32 bits")
    while len(found) < count:
        if reader.at >= len(data):
            raise Short("a page of the file is cut")
        try:
            header = reader.varint()
        except IndexError as error:
            raise Short("a page of the file is cut") from error
        missing = count - len(found)
        if header & 1:
            groups = min(header >> 1, missing // 8 + 1)
            found += _unpacked(data[reader.at : reader.at + groups * width], width, min(groups * 8, missing))
            reader.at += (header >> 1) * width
        else:
            value = int.from_bytes(data[reader.at : reader.at + size], "little")
            reader.at += size
            if not header >> 1:
                raise Damaged("a run in the file is empty")
            found += [value] * min(header >> 1, missing)
    return found


def _unpacked(data: bytes, width: int, count: int) -> list[int]:
    """Numbers of `width` bits. Eight at a time, which are whole bytes: to shift a long number takes long."""
    if len(data) * 8 < width * count:
        raise Short("a page of the file is cut")
    mask = (1 << width) - 1
    found: list[int] = []
    for group in range((count + 7) // 8):
        number = int.from_bytes(data[group * width : (group + 1) * width], "little")
        found += [number >> at * width & mask for at in range(min(8, count - group * 8))]
    return found


def read_plain(data: bytes, kind: int, count: int, width: int = 0) -> list[Plain]:
    """kind: the physical type; width: of FIXED, in bytes."""
    try:
        return _plain(data, kind, count, width)
    except struct.error as error:
        raise Short("a page of the file is cut") from error


def _plain(data: bytes, kind: int, count: int, width: int) -> list[Plain]:
    if kind in _FORMATS:
        return list(struct.unpack_from(f"<{count}{_FORMATS[kind]}", data))
    if kind == BOOLEAN:
        return [bool(one) for one in _unpacked(data[: (count + 7) // 8], 1, count)]
    if kind == BYTES:
        return _byte_arrays(data, count)
    size = 12 if kind == INT96 else width
    if len(data) < size * count:
        raise Short("a page of the file is cut")
    return [data[at * size : (at + 1) * size] for at in range(count)]


def _byte_arrays(data: bytes, count: int) -> list[Plain]:
    found: list[Plain] = []
    at = 0
    for _ in range(count):
        (size,) = struct.unpack_from("<I", data, at)
        at += 4 + size
        if at > len(data):
            raise Short("a page of the file is cut")
        found.append(data[at - size : at])
    return found


def read_delta(data: bytes, count: int) -> tuple[list[int], int]:
    """DELTA_BINARY_PACKED: the first numbers, and where the block ends when it was read whole."""
    reader = Reader(data)
    try:
        block, minis, total = reader.varint(), reader.varint(), reader.varint()
        value = _zigzag(reader.varint())
        if not 0 < minis <= 1024 or not 0 < block <= 1 << 16 or block % minis or total > MOST_DELTAS:
            raise Damaged("a block of the file has no size that is allowed")
        found = [value] if total else []
        wanted, each = min(count, total), block // minis
        while len(found) < wanted:
            least = _zigzag(reader.varint())
            widths = data[reader.at : reader.at + minis]
            reader.at += minis
            for width in widths:
                if len(found) >= wanted:
                    break
                packed = data[reader.at : reader.at + width * each // 8]
                reader.at += width * each // 8
                for delta in _unpacked(packed, width, min(each, wanted - len(found))):
                    value += least + delta
                    found.append(value)
    except IndexError as error:
        raise Short("a page of the file is cut") from error
    return found, reader.at


def _zigzag(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


def _delta_lengths(data: bytes, count: int) -> list[Plain]:
    """DELTA_LENGTH_BYTE_ARRAY: all lengths, then all bytes."""
    total = _total(data)
    sizes, at = read_delta(data, total)
    found: list[Plain] = []
    for size in sizes[:count]:
        at += size
        if at > len(data) or size < 0:
            raise Short("a page of the file is cut")
        found.append(data[at - size : at])
    return found


def _total(data: bytes) -> int:
    """How many numbers a block of deltas holds."""
    reader = Reader(data)
    try:
        return [reader.varint() for _ in range(3)][2]
    except IndexError as error:
        raise Short("a page of the file is cut") from error


def _split(data: bytes, kind: int, count: int, total: int, width: int) -> list[Plain]:
    """BYTE_STREAM_SPLIT: the first bytes of all values, then the second ones, and so on."""
    size = {INT32: 4, FLOAT: 4, INT64: 8, DOUBLE: 8}.get(kind, width)
    if len(data) < size * total:
        raise Short("a page of the file is cut")
    joined = b"".join(bytes(data[part * total + at] for part in range(size)) for at in range(count))
    return _plain(joined, kind, count, width)


def read_values(
    data: bytes, encoding: int, kind: int, count: int, *, total: int, width: int = 0
) -> list[Plain]:
    """Values that are no indexes of a dictionary. total: how many the page has. Raises Unknown, Short or Damaged."""
    readers: dict[int, Callable[[], list[Plain]]] = {
        PLAIN: lambda: read_plain(data, kind, count, width),
        RLE: lambda: [bool(one) for one in read_runs(data[4:], 1, count)],
        DELTA: lambda: [*read_delta(data, count)[0]],
        DELTA_LENGTH: lambda: _delta_lengths(data, count),
        SPLIT: lambda: _split(data, kind, count, total, width),
    }
    if encoding not in readers:
        raise Unknown("it is written in an encoding that is not read here")
    return readers[encoding]()
