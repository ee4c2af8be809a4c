"""Addresses of files inside of messages: in their strings, and in what the SDK makes of dataclasses. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
from flyteidl2.core import literals_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from runs.domain.addresses.storage import split_scheme

_MSGPACK = "msgpack"
_ENDS = r"\x00-\x20\x7f\"'<>"  # an address in a longer text ends before one of these


def change_strings(kind: type[Message], data: bytes, change: Callable[[str], str], *, having: str) -> bytes:
    """The message with each string that has `having` in it changed; the same bytes when none has, or it is no such message."""
    wanted = having.encode()
    if wanted not in data:
        return data
    message = kind()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return data
    _change(message, lambda text: change(text) if having in text else text)
    return message.SerializeToString(deterministic=True)


def find_addresses(kind: type[Message], data: bytes, storage_url: str) -> set[str]:
    """What a message names below the storage, relative to it, such as _raw/…/model.bin."""
    root = split_scheme(storage_url)[1].rstrip("/") + "/"
    address = re.compile(f"{re.escape(root)}([^{_ENDS}]+)")
    found: set[str] = set()

    def look(text: str) -> str:
        # A name with a space in it is the whole string.
        if text.startswith((root, f"{split_scheme(storage_url)[0]}://{root}")):
            found.add(text.partition(root)[2].strip("/"))
        found.update(part.strip("/") for part in address.findall(text))
        return text

    change_strings(kind, data, look, having=root)
    return found - {""}


def _change(message: Message, change: Callable[[str], str]) -> None:
    if isinstance(message, literals_pb2.Binary) and message.tag == _MSGPACK:
        message.value = _change_packed(message.value, change)
    for field, value in message.ListFields():
        if _is_map(field):
            _change_map(field, value, change)
        elif field.type == FieldDescriptor.TYPE_MESSAGE:
            for one in value if field.is_repeated else [value]:
                _change(one, change)
        elif field.type == FieldDescriptor.TYPE_STRING and field.is_repeated:
            getattr(message, field.name)[:] = [change(one) for one in value]
        elif field.type == FieldDescriptor.TYPE_STRING:
            setattr(message, field.name, change(value))


def _is_map(field: Any) -> bool:
    return field.type == FieldDescriptor.TYPE_MESSAGE and bool(field.message_type.GetOptions().map_entry)


def _change_map(field: Any, entries: Any, change: Callable[[str], str]) -> None:
    kind = field.message_type.fields_by_name["value"].type
    for key in list(entries):
        if kind == FieldDescriptor.TYPE_MESSAGE:
            _change(entries[key], change)
        elif kind == FieldDescriptor.TYPE_STRING:
            entries[key] = change(entries[key])


def _change_packed(data: bytes, change: Callable[[str], str]) -> bytes:
    try:
        value = msgspec.msgpack.decode(data)
    except msgspec.DecodeError:
        return data
    changed = _walk(value, change)
    return data if changed == value else msgspec.msgpack.encode(changed)


def _walk(value: Any, change: Callable[[str], str]) -> Any:
    match value:
        case str():
            return change(value)
        case list():
            return [_walk(one, change) for one in value]
        case dict():
            return {_walk(key, change): _walk(one, change) for key, one in value.items()}
    return value
