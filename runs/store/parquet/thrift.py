"""Thrift's compact protocol, in which Parquet writes its metadata. A struct becomes a dict by the numbers of its fields."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from runs.domain.errors import Invalid

MAX_DEPTH = 40
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
Struct = dict[int, Any]


class Damaged(Invalid):
    """It is not what the format allows."""


class Reader:
    """Reads structs one after the other. at: how far it has come."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at
        self._depth = 0

    def struct(self) -> Struct:
        """The next struct. Raises Damaged for what is cut or none."""
        try:
            return self._struct()
        except (IndexError, struct.error) as error:
            raise Damaged("the metadata of the file are damaged") from error

    def _struct(self) -> Struct:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Damaged("the metadata of the file are nested too deep")
        fields: Struct = {}
        number = 0
        while (header := self._byte()) != 0:
            delta, kind = header >> 4, header & 15
            number = number + delta if delta else self._zigzag()
            fields[number] = self._value(kind, in_list=False)
        self._depth -= 1
        return fields

    def _value(self, kind: int, *, in_list: bool) -> Any:
        if kind in {_TRUE, _FALSE}:
            return self._byte() == _TRUE if in_list else kind == _TRUE
        read: Callable[[], Any] | None = {
            _BYTE: self._byte, _I16: self._zigzag, _I32: self._zigzag, _I64: self._zigzag, _DOUBLE: self._double,
            _BINARY: self._bytes, _LIST: self._list, _SET: self._list, _MAP: self._map, _STRUCT: self._struct,
        }.get(kind)  # fmt: skip
        if read is None:
            raise Damaged("the metadata of the file are of no known kind")
        return read()

    def _byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 127) << shift
            if byte < 128:
                return number
            shift += 7
            if shift > 63:
                raise Damaged("a number in the file is longer than 64 bits")

    def _zigzag(self) -> int:
        number = self.varint()
        return (number >> 1) ^ -(number & 1)

    def _double(self) -> float:
        self.at += 8
        value: float = struct.unpack_from("<d", self.data, self.at - 8)[0]
        return value

    def _bytes(self) -> bytes:
        size = self.varint()
        if size > len(self.data) - self.at:
            raise Damaged("the metadata of the file are cut")
        self.at += size
        return self.data[self.at - size : self.at]

    def _list(self) -> list[Any]:
        header = self._byte()
        size, kind = header >> 4, header & 15
        if size == 15:
            size = self.varint()
        if size > len(self.data) - self.at:  # each takes a byte at least
            raise Damaged("the metadata of the file are cut")
        return [self._value(kind, in_list=True) for _ in range(size)]

    def _map(self) -> dict[Any, Any]:
        size = self.varint()
        if not size:
            return {}
        kinds = self._byte()
        if size > len(self.data) - self.at:
            raise Damaged("the metadata of the file are cut")
        each = (
            (self._value(kinds >> 4, in_list=True), self._value(kinds & 15, in_list=True))
            for _ in range(size)
        )
        return {key if isinstance(key, int | str | bytes) else str(key): value for key, value in each}
