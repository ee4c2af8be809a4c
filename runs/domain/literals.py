"""Flyte's literals as plain values, for forms; domain/values/ shows them on pages. Pure.

Everything in them comes from user code; whoever shows it escapes it.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec
from flyteidl2.core import literals_pb2
from google.protobuf import json_format

MAX_CHARACTERS = 20_000
MAX_DEPTH = 20


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
