"""Literals of plain values, as the SDK makes them; domain/literals.py is the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from flyteidl2.core import literals_pb2, types_pb2
from google.protobuf import json_format

from runs.domain.conditions import literal
from runs.domain.errors import Invalid
from runs.domain.forms.plain import fit, read_duration, read_time, variant_of
from runs.domain.forms.shapes import Kind, shape_of
from runs.domain.literals import to_plain

_MSGPACK = "msgpack"
Literal = literals_pb2.Literal
Scalar = literals_pb2.Scalar


@dataclass(frozen=True, slots=True)
class Chosen:
    """The value of a union for which somebody has said which variant it is."""

    index: int
    value: Any


def plain_of(message: Literal, of_type: types_pb2.LiteralType) -> Any:
    """The plain value of a literal, or Chosen for a union. Of what has no form, the message as JSON. Raises Invalid for
    a literal that is not of this type.
    """
    shape = shape_of(of_type)
    if shape.kind is Kind.MESSAGE:
        return json_format.MessageToDict(message)
    value = to_plain(message)
    if shape.kind is not Kind.UNION:
        return fit(value, shape)
    variants = of_type.union_type.variants
    exact = [at for at, one in enumerate(variants) if one == message.scalar.union.type]
    index = exact[0] if exact else variant_of(value, shape)
    return Chosen(index, fit(value, shape.variants[index]))


def literal_of(value: Any, of_type: types_pb2.LiteralType, before: Literal | None = None) -> Literal:
    """The literal of a value that fits its type. before: the one in whose place it stands; of a file its metadata are kept."""
    if shape_of(of_type).kind is Kind.MESSAGE:
        return _message(value)
    match of_type.WhichOneof("type"):
        case "simple":
            made = _simple(value, of_type.simple)
        case "enum_type":
            made = literal(str(value))
        case "collection_type":
            each = [literal_of(one, of_type.collection_type) for one in value]
            made = Literal(collection=literals_pb2.LiteralCollection(literals=each))
        case "map_value_type":
            named = {key: literal_of(one, of_type.map_value_type) for key, one in value.items()}
            made = Literal(map=literals_pb2.LiteralMap(literals=named))
        case "union_type":
            made = _union(value, of_type, before)
        case _:
            made = _file(str(value), of_type, before)
    return made


def _message(value: Any) -> Literal:
    try:
        return json_format.ParseDict(value, Literal())
    except (json_format.ParseError, TypeError, AttributeError) as error:
        raise Invalid(f"this is not a flyteidl2.core.Literal in JSON: {error}") from error


def _simple(value: Any, kind: int) -> Literal:
    match kind:
        case types_pb2.NONE:
            return Literal(scalar=Scalar(none_type=literals_pb2.Void()))
        case types_pb2.STRUCT:
            return Literal(scalar=Scalar(binary=literals_pb2.Binary(value=_packed(value), tag=_MSGPACK)))
        case types_pb2.DATETIME:
            return Literal(scalar=Scalar(primitive=literals_pb2.Primitive(datetime=read_time(value))))
        case types_pb2.DURATION:
            return Literal(scalar=Scalar(primitive=literals_pb2.Primitive(duration=read_duration(value))))
        case types_pb2.FLOAT:
            return literal(float(value))
    return literal(value)


def _packed(value: Any) -> bytes:
    try:
        return msgspec.msgpack.encode(value)
    except OverflowError as error:
        raise Invalid("a number in this does not fit into 64 bits") from error
    except RecursionError as error:
        raise Invalid("this is nested too deep") from error


def _union(value: Any, of_type: types_pb2.LiteralType, before: Literal | None) -> Literal:
    if isinstance(value, Chosen):
        chosen = value
    else:
        shape = shape_of(of_type)
        index = variant_of(value, shape)
        chosen = Chosen(index, fit(value, shape.variants[index]))
    variant = of_type.union_type.variants[chosen.index]
    inner = before.scalar.union.value if before is not None else None
    union = literals_pb2.Union(value=literal_of(chosen.value, variant, inner), type=variant)
    return Literal(scalar=Scalar(union=union))


def _file(uri: str, of_type: types_pb2.LiteralType, before: Literal | None) -> Literal:
    made = Literal()
    if of_type.WhichOneof("type") == "blob":
        made.scalar.blob.metadata.type.CopyFrom(of_type.blob)
        if before is not None and before.scalar.HasField("blob"):
            made.scalar.blob.metadata.CopyFrom(before.scalar.blob.metadata)
        made.scalar.blob.uri = uri
    else:
        dataset = made.scalar.structured_dataset
        dataset.metadata.structured_dataset_type.CopyFrom(of_type.structured_dataset_type)
        if before is not None and before.scalar.HasField("structured_dataset"):
            dataset.metadata.CopyFrom(before.scalar.structured_dataset.metadata)
        dataset.uri = uri
    return made
