"""The names of types, as whoever wrote the task wrote them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flyteidl2.core import types_pb2
from google.protobuf import json_format

from runs.domain.forms.shapes import schema_shape
from runs.domain.texts import clean

MAX_DEPTH = 8
MAX_NAME = 200  # characters
PICKLE = "PythonPickle"
_CLASS = "python_class_name"
_SIMPLE = {
    types_pb2.NONE: "None", types_pb2.INTEGER: "int", types_pb2.FLOAT: "float", types_pb2.STRING: "str",
    types_pb2.BOOLEAN: "bool", types_pb2.DATETIME: "datetime", types_pb2.DURATION: "timedelta",
    types_pb2.BINARY: "bytes", types_pb2.ERROR: "Exception",
}  # fmt: skip
# The SDK sends a tuple, a NamedTuple and a TypedDict as a model of its own making.
_WRAPPED = re.compile(r"(?:Tuple|NamedTuple|TypedDict)Wrapper_(.+)")
_SPECIAL = {"file": "File", "dir": "Dir", "dataframe": "DataFrame"}


def type_name(message: types_pb2.LiteralType, depth: int = 0) -> str:
    """Such as `list[int]`, `dict[str, float]`, `Config`, `str | None`, `DataFrame`."""
    if depth > MAX_DEPTH:
        return "…"
    if pickled := _pickled_class(message):
        return pickled
    name = "Any"
    match message.WhichOneof("type"):
        case "simple" if message.simple == types_pb2.STRUCT:
            name = schema_name(schema_of(message))
        case "simple":
            name = _SIMPLE.get(message.simple, name)
        case "enum_type":
            name = "enum"
        case "collection_type":
            name = f"list[{type_name(message.collection_type, depth + 1)}]"
        case "map_value_type":
            name = f"dict[str, {type_name(message.map_value_type, depth + 1)}]"
        case "union_type":
            name = " | ".join(type_name(one, depth + 1) for one in message.union_type.variants)
        case "blob" if message.blob.format != PICKLE:
            is_folder = message.blob.dimensionality == types_pb2.BlobType.MULTIPART
            name = "Dir" if is_folder else "File"
        case "structured_dataset_type" | "schema":
            name = "DataFrame"
    return clean(name)[:MAX_NAME]


def _pickled_class(message: types_pb2.LiteralType) -> str:
    """The class of what the SDK pickles, because it knows no other way; "" for other types."""
    if _CLASS not in message.metadata.fields:
        return ""
    text = message.metadata.fields[_CLASS].string_value
    found = re.fullmatch(r"<class '(.+)'>", text)
    return clean((found[1] if found else text).replace("typing.", "").removeprefix("__main__."))[:MAX_NAME]


def schema_of(message: types_pb2.LiteralType | None) -> Mapping[str, Any]:
    """The JSON schema that the type of a dataclass or a model comes with; empty without one."""
    if message is None or not message.HasField("metadata"):
        return {}
    schema: dict[str, Any] = json_format.MessageToDict(message.metadata)
    return schema


def definitions_of(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found = schema.get("$defs", schema.get("definitions"))
    return found if isinstance(found, Mapping) else {}


def schema_name(schema: Mapping[str, Any], definitions: Mapping[str, Any] | None = None) -> str:
    """The name of what a JSON schema describes: a class, or a type of Python's."""
    if not schema:
        return "dict"
    title = schema.get("title")
    if special := special_of(schema):
        return _SPECIAL[special]
    if is_wrapped(schema) and isinstance(title, str):
        wrapped = title.partition("_")[2]
        return f"tuple[{_items(schema)}]" if title.startswith("Tuple") else wrapped
    return schema_shape(schema, definitions_of(schema) if definitions is None else definitions).title


def special_of(schema: Mapping[str, Any]) -> str:
    """file, dir or dataframe, where the SDK says that a structure stands for one; else "". In dataclasses it says so by the fields only."""
    found, properties = schema.get("x-flyte-type"), schema.get("properties")
    if isinstance(found, str) and found in _SPECIAL:
        return found
    if not isinstance(properties, Mapping) or "format" not in properties:
        return ""
    address = {"File": "path", "Dir": "path", "DataFrame": "uri"}.get(str(schema.get("title")), "")
    return str(schema["title"]).lower() if address and address in properties else ""


def is_wrapped(schema: Mapping[str, Any]) -> bool:
    return bool(_WRAPPED.fullmatch(str(schema.get("title", ""))))


def is_tuple(schema: Mapping[str, Any]) -> bool:
    return str(schema.get("title", "")).startswith("TupleWrapper_")


def _items(schema: Mapping[str, Any]) -> str:
    """The types of a tuple's items, in their order: the fields are called item_0, item_1 and so on."""
    found = schema.get("properties")
    properties = found if isinstance(found, Mapping) else {}
    ordered = [properties.get(f"item_{at}") for at in range(min(len(properties), 20))]
    definitions = definitions_of(schema)
    return ", ".join(schema_name(one, definitions) if isinstance(one, Mapping) else "Any" for one in ordered)
