"""Random calls of each method of each Connect service, from the descriptors of its messages."""

from __future__ import annotations

import json
from typing import Any

from connectrpc.server import Endpoint
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

from runs.api import asgi
from tests.support.fuzz.sender import Request
from tests.support.fuzz.values import any_json, damaged, numbers, texts

MAX_DEPTH = 5
RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
STREAM_PREFIX = 5


def endpoints() -> dict[str, Endpoint[Any, Any]]:
    """Those of all services that are mounted, by their paths."""
    found: dict[str, Endpoint[Any, Any]] = {}
    for application in asgi.SERVICES.values():
        found |= application._endpoints(application._service)
    return found


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor, known: list[str], depth: int = 0) -> Message:
    """A message of this type: each field is set or not."""
    message = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        wanted = 8 if depth < 2 else 4 if depth < MAX_DEPTH else 0
        if draw(st.integers(0, 9)) < wanted:
            _set(draw, message, field, known, depth)
    return message


def _set(draw: st.DrawFn, message: Message, field: FieldDescriptor, known: list[str], depth: int) -> None:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        keys, values = kind.fields_by_name["key"], kind.fields_by_name["value"]
        target = getattr(message, field.name)
        key = draw(_scalar(keys, known))
        if values.message_type is not None:
            target[key].CopyFrom(draw(messages(values.message_type, known, depth + 1)))
        else:
            target[key] = draw(_scalar(values, known))
    elif field.is_repeated:
        for _ in range(draw(st.integers(0, 2))):
            made = messages(kind, known, depth + 1) if kind is not None else _scalar(field, known)
            getattr(message, field.name).append(draw(made))
    elif kind is not None:
        getattr(message, field.name).CopyFrom(draw(messages(kind, known, depth + 1)))
    else:
        setattr(message, field.name, draw(_scalar(field, known)))


def _scalar(field: FieldDescriptor, known: list[str]) -> st.SearchStrategy[Any]:
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING if field.type == FieldDescriptor.TYPE_BYTES:
            return st.one_of(st.binary(max_size=24), st.sampled_from([b"", b"\0" * 16]))
        case FieldDescriptor.CPPTYPE_STRING:
            return texts(known)
        case FieldDescriptor.CPPTYPE_BOOL:
            return st.booleans()
        case FieldDescriptor.CPPTYPE_ENUM if field.enum_type is not None:
            return st.sampled_from([*(value.number for value in field.enum_type.values), 99, -1])
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return st.floats(width=32)
    return numbers(*RANGES[field.cpp_type])


@st.composite
def calls(draw: st.DrawFn, known: list[str], *, is_json: bool) -> Request:
    """A call as a client sends it, or a damaged one."""
    path, endpoint = draw(st.sampled_from(sorted(endpoints().items())))
    is_stream = "Stream" in type(endpoint).__name__
    message = draw(messages(endpoint.method.input.DESCRIPTOR, known))
    body = draw(_json_of(message, known)) if is_json else message.SerializeToString()
    if draw(st.integers(0, 4)) == 0:
        body = draw(damaged(body))
    kind = f"application/{'connect+' if is_stream else ''}{'json' if is_json else 'proto'}"
    headers = [(b"content-type", kind.encode()), (b"connect-protocol-version", b"1")]
    if is_stream:
        flags = draw(st.sampled_from([0, 0, 0, 0, 1, 2, 3, 255]))
        size = draw(st.sampled_from([len(body)] * 6 + [0, len(body) + 1, 2**32 - 1]))
        body = bytes([flags]) + size.to_bytes(STREAM_PREFIX - 1, "big") + body
    headers += draw(_strange_headers())
    return Request("POST", path, b"", headers, body, is_stream=is_stream)


def _json_of(message: Message, known: list[str]) -> st.SearchStrategy[bytes]:
    try:
        whole = json_format.MessageToJson(message).encode()
    except (ValueError, json_format.Error, RecursionError, OverflowError):  # a time that JSON has no text for
        whole = b"{}"
    names = [field.json_name for field in message.DESCRIPTOR.fields]
    loose = st.dictionaries(st.sampled_from(names or ["x"]), any_json(known), max_size=4)
    return st.one_of(st.just(whole), st.just(whole), loose.map(lambda found: json.dumps(found).encode()))


def _strange_headers() -> st.SearchStrategy[list[tuple[bytes, bytes]]]:
    one = st.sampled_from(
        [
            (b"connect-timeout-ms", b"-1"), (b"connect-timeout-ms", b"9" * 30), (b"connect-timeout-ms", b"x"),
            (b"connect-timeout-ms", b"10000"), (b"content-encoding", b"gzip"), (b"content-encoding", b"no such"),
            (b"connect-content-encoding", b"gzip"), (b"accept-encoding", b"\x00"), (b"connect-protocol-version", b"2"),
            (b"x-flyteui-actor", b"a" * 500), (b"x-flyteui-force", b"2"), (b"x-odd", b"\xff"), (b"host", b"evil.example"),
        ]
    )  # fmt: skip
    return st.one_of(st.just([]), st.just([]), st.lists(one, max_size=2))
