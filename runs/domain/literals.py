"""Inputs and outputs as text for people. Pure: bytes of flyteidl2 messages in, plain text out.

Everything in them comes from user code, so it is only ever text; whoever shows it escapes it.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import msgspec
from flyteidl2.core import literals_pb2
from flyteidl2.task import common_pb2
from google.protobuf import json_format
from google.protobuf.message import DecodeError

MAX_CHARACTERS = 20_000
MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Value:
    """A named input or output."""

    name: str
    kind: str
    text: str
    is_cut: bool


def read_inputs(data: bytes) -> list[Value]:
    """The values of a flyteidl2.task.Inputs message; empty if it is none."""
    return _values(common_pb2.Inputs(), data)


def read_outputs(data: bytes) -> list[Value]:
    """The values of a flyteidl2.task.Outputs message; empty if it is none."""
    return _values(common_pb2.Outputs(), data)


def _values(message: Any, data: bytes) -> list[Value]:
    try:
        message.ParseFromString(data)
    except DecodeError:
        return []
    return [_value(named.name, named.value) for named in message.literals]


def _value(name: str, literal: literals_pb2.Literal) -> Value:
    plain = to_plain(literal)
    text = plain if isinstance(plain, str) else json.dumps(plain, indent=2, ensure_ascii=False, default=str)
    return Value(name, kind_of(literal), text[:MAX_CHARACTERS], len(text) > MAX_CHARACTERS)


def kind_of(literal: literals_pb2.Literal) -> str:
    """The name of the literal's kind."""
    which = literal.WhichOneof("value")
    if which != "scalar":
        return {"collection": "list", "map": "map", "offloaded_metadata": "offloaded"}.get(
            which or "", "nothing"
        )
    scalar = literal.scalar
    part = scalar.WhichOneof("value")
    if part == "primitive":
        return str(scalar.primitive.WhichOneof("value") or "nothing").removesuffix("_value")
    if part == "union":
        return kind_of(scalar.union.value)
    return {"none_type": "None", "structured_dataset": "dataset", "generic": "struct"}.get(
        part or "", part or "nothing"
    )


def to_plain(literal: literals_pb2.Literal, depth: int = 0) -> Any:
    """The literal as what json.dumps takes."""
    if depth > MAX_DEPTH:
        return "…"
    match literal.WhichOneof("value"):
        case "collection":
            return [to_plain(item, depth + 1) for item in literal.collection.literals]
        case "map":
            return {key: to_plain(item, depth + 1) for key, item in literal.map.literals.items()}
        case "offloaded_metadata":
            return {
                "offloaded": literal.offloaded_metadata.uri,
                "bytes": literal.offloaded_metadata.size_bytes,
            }
        case "scalar":
            return _scalar(literal.scalar, depth)
    return None


def _scalar(scalar: literals_pb2.Scalar, depth: int) -> Any:
    plain: Any = None
    match scalar.WhichOneof("value"):
        case "primitive":
            plain = _primitive(scalar.primitive)
        case "union":
            plain = to_plain(scalar.union.value, depth + 1)
        case "binary":
            plain = _binary(scalar.binary)
        case "generic":
            plain = json_format.MessageToDict(scalar.generic)
        case "error":
            plain = scalar.error.message
        case "blob" | "structured_dataset" | "schema" as part:
            plain = getattr(scalar, part).uri
    return plain


def _primitive(primitive: literals_pb2.Primitive) -> Any:
    match primitive.WhichOneof("value"):
        case "datetime":
            return primitive.datetime.ToJsonString()
        case "duration":
            return primitive.duration.ToJsonString()
        case None:
            return None
        case part:
            return getattr(primitive, part)


def _binary(binary: literals_pb2.Binary) -> Any:
    if binary.tag == "msgpack":
        try:
            return msgspec.msgpack.decode(binary.value)
        except msgspec.DecodeError:
            pass
    return {"tag": binary.tag, "base64": base64.b64encode(binary.value[:MAX_CHARACTERS]).decode()}
