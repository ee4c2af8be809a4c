"""The codecs of pages, each unpacking no more than is asked for: a page is a megabyte, and a preview wants its first rows."""

from __future__ import annotations

import sys
import zlib

from runs.store.parquet.thrift import Damaged

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CODECS = ("none", "Snappy", "gzip", "LZO", "Brotli", "LZ4", "Zstandard", "LZ4")
_NONE, _SNAPPY, _GZIP, _ZSTD = 0, 1, 2, 6
# Of Zstandard: how far back a page may refer, as a power of two, since so much memory is taken for it. Pages are smaller.
_WINDOW: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 25}


class Unknown(Damaged):
    """A codec, or an encoding, that is not read here."""


def unpack(data: bytes, codec: int, limit: int) -> bytes:
    """The first `limit` bytes of what was packed, or a few more. Raises Unknown, or Damaged."""
    if codec == _NONE:
        return data[:limit]
    if codec == _SNAPPY:
        return _snappy(data, limit)
    if codec == _GZIP:
        return _gzip(data, limit)
    if codec == _ZSTD:
        return _zstd(data, limit)
    name = CODECS[codec] if codec in range(len(CODECS)) else "a codec of its own"
    raise Unknown(f"it is packed with {name}, which is not read here; download the file to open it")


def _gzip(data: bytes, limit: int) -> bytes:
    try:
        return zlib.decompressobj(wbits=47).decompress(data, limit)
    except zlib.error as error:
        raise Damaged("a page of the file cannot be unpacked") from error


def _zstd(data: bytes, limit: int) -> bytes:
    try:
        return zstd.ZstdDecompressor(options=_WINDOW).decompress(data, limit)
    except zstd.ZstdError as error:
        raise Damaged("a page of the file cannot be unpacked") from error


def _snappy(data: bytes, limit: int) -> bytes:
    try:
        return _unsnap(data, limit)
    except IndexError as error:
        raise Damaged("a page of the file is cut") from error


def _unsnap(data: bytes, limit: int) -> bytes:
    size, at = _size(data)
    wanted = min(size, limit)
    out = bytearray()
    while len(out) < wanted:
        tag = data[at]
        at += 1
        if tag & 3 == 0:
            length = tag >> 2
            if length >= 60:  # its length follows, in one to four bytes
                more = length - 59
                length = int.from_bytes(data[at : at + more], "little")
                at += more
            out += data[at : at + length + 1]
            at += length + 1
            if at > len(data):
                raise Damaged("a page of the file is cut")
            continue
        length, offset, at = _copy_of(data, tag, at)
        _copy(out, offset, length)
    return bytes(out)


def _size(data: bytes) -> tuple[int, int]:
    """How many bytes were packed, and where they begin."""
    size = shift = at = 0
    while True:
        size |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128 or shift > 28:
            return size, at
        shift += 7


def _copy_of(data: bytes, tag: int, at: int) -> tuple[int, int, int]:
    """Length and offset of a copy of what is there already, and where the next part begins."""
    if tag & 3 == 1:
        return (tag >> 2 & 7) + 4, (tag >> 5) << 8 | data[at], at + 1
    width = 2 if tag & 3 == 2 else 4
    data[at + width - 1]  # raises IndexError
    return (tag >> 2) + 1, int.from_bytes(data[at : at + width], "little"), at + width


def _copy(out: bytearray, offset: int, length: int) -> None:
    start = len(out) - offset
    if offset == 0 or start < 0:
        raise Damaged("a page of the file cannot be unpacked")
    if offset >= length:
        out += out[start : start + length]
    else:  # it repeats itself
        piece = out[start:]
        out += (piece * (length // offset + 1))[:length]
