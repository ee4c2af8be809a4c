"""A value and what is in it, whichever way Flyte sends it: one shape for literals and for what dataclasses are made into."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import Any

import msgspec
from flyteidl2.core import literals_pb2, types_pb2
from google.protobuf import json_format

from runs.domain.forms.plain import show_duration
from runs.domain.values import types

MSGPACK = "msgpack"
Items = Callable[[], Iterator[tuple[str, "Part"]]]


class Kind(StrEnum):
    """What a part is. WORD: True, False, None. PICKLE: what only Python could open; it is never opened here."""

    TEXT = auto()
    NUMBER = auto()
    WORD = auto()
    LIST = auto()
    DICT = auto()
    FILE = auto()
    DIR = auto()
    TABLE = auto()
    PICKLE = auto()


def _nothing() -> Iterator[tuple[str, Part]]:
    return iter(())


@dataclass(frozen=True, slots=True)
class Part:
    """type: its name in Python; text: of TEXT, NUMBER and WORD; items: of LIST and DICT, of which there are `count`, read only as
    they are asked for; uri, format: of files, folders and tables; columns: of a table, as its type has them; size: of a pickle, in bytes.
    """

    kind: Kind
    type: str
    text: str = ""
    count: int = 0
    items: Items = _nothing
    uri: str = ""
    format: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    size: int = 0


@dataclass(frozen=True, slots=True)
class Schema:
    """The JSON schema of a part of a structure, with the definitions to which it may refer; own may be empty."""

    own: Mapping[str, Any] = field(default_factory=dict)
    definitions: Mapping[str, Any] = field(default_factory=dict)

    def resolved(self, value: Any, depth: int = 0) -> Schema:
        """The schema of this value: references are followed, of several the first one that has its type."""
        found: Any = self.own
        if depth > types.MAX_DEPTH or not isinstance(found, Mapping):
            return Schema({}, self.definitions)
        if (
            isinstance(parts := found.get("allOf"), list)
            and len(parts) == 1
            and isinstance(parts[0], Mapping)
        ):
            return Schema(parts[0], self.definitions).resolved(value, depth + 1)
        if isinstance(refers := found.get("$ref"), str):
            named = self.definitions.get(refers.rpartition("/")[2])
            return Schema(named or {}, self.definitions).resolved(value, depth + 1)
        if isinstance(options := found.get("anyOf", found.get("oneOf")), list):
            each = (Schema(one, self.definitions).resolved(value, depth + 1) for one in options)
            return next((one for one in each if _fits(value, one.own)), Schema({}, self.definitions))
        return self

    def of(self, key: str) -> Schema:
        """That of a property, or of any item."""
        properties, more = self.own.get("properties"), self.own.get("additionalProperties")
        found = properties.get(key) if isinstance(properties, Mapping) else more
        return Schema(found if isinstance(found, Mapping) else {}, self.definitions)

    def of_items(self) -> Schema:
        found = self.own.get("items")
        return Schema(found if isinstance(found, Mapping) else {}, self.definitions)


_JSON = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    if kind in {"integer", "number"}:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, _JSON.get(str(kind), ()))


# --- Flyte's literals -------------------------------------------------------------------------------------------


def of_literal(literal: literals_pb2.Literal, of_type: types_pb2.LiteralType | None = None) -> Part:
    """of_type: from the interface of the task, where that is known; else the value itself says what it can."""
    name = types.type_name(of_type) if of_type is not None else ""
    match literal.WhichOneof("value"):
        case "scalar":
            return _of_scalar(literal.scalar, of_type, name)
        case "collection":
            each = literal.collection.literals
            inner = of_type.collection_type if of_type and of_type.HasField("collection_type") else None
            return Part(Kind.LIST, name or "list", count=len(each), items=lambda: _numbered(each, inner))
        case "map":
            entries = literal.map.literals
            inner = of_type.map_value_type if of_type and of_type.HasField("map_value_type") else None
            return Part(Kind.DICT, name or "dict", count=len(entries), items=lambda: _named(entries, inner))
        case "offloaded_metadata":
            data = literal.offloaded_metadata
            return Part(
                Kind.FILE, name or types.type_name(data.inferred_type), uri=data.uri, size=data.size_bytes
            )
    return Part(Kind.WORD, name or "None", "None")


def _numbered(each: Any, inner: types_pb2.LiteralType | None) -> Iterator[tuple[str, Part]]:
    return ((str(at), of_literal(one, inner)) for at, one in enumerate(each))


def _named(entries: Any, inner: types_pb2.LiteralType | None) -> Iterator[tuple[str, Part]]:
    return ((key, of_literal(entries[key], inner)) for key in sorted(entries))


def _of_scalar(scalar: literals_pb2.Scalar, of_type: types_pb2.LiteralType | None, name: str) -> Part:
    part = Part(Kind.WORD, name or "None", "None")
    match scalar.WhichOneof("value"):
        case "primitive":
            part = _of_primitive(scalar.primitive, name)
        case "union":
            chosen = _variant(scalar.union, of_type)
            inner = of_literal(scalar.union.value, chosen)
            part = _renamed(inner, name)
        case "binary":
            part = _of_binary(scalar.binary, of_type, name)
        case "generic":
            part = of_plain(json_format.MessageToDict(scalar.generic), _schema(of_type), name)
        case "blob":
            part = _of_blob(scalar.blob, name)
        case "structured_dataset":
            part = _of_dataset(scalar.structured_dataset, name)
        case "schema":
            part = Part(Kind.TABLE, name or "DataFrame", uri=scalar.schema.uri, format="parquet")
        case "error":
            part = Part(Kind.TEXT, name or "Exception", scalar.error.message)
    return part


def _variant(union: literals_pb2.Union, of_type: types_pb2.LiteralType | None) -> types_pb2.LiteralType:
    """The type of what a union holds. What the interface says is richer: it has the schema of a class."""
    for one in of_type.union_type.variants if of_type is not None else ():
        if one == union.type or (one.structure.tag and one.structure.tag == union.type.structure.tag):
            return one
    return union.type


def _renamed(part: Part, name: str) -> Part:
    """The part with the name of the union that it stands for."""
    if not name or name == part.type:
        return part
    return Part(
        part.kind, name, part.text, part.count, part.items, part.uri, part.format, part.columns, part.size
    )


def _of_primitive(primitive: literals_pb2.Primitive, name: str) -> Part:
    part = Part(Kind.WORD, name or "None", "None")
    match primitive.WhichOneof("value"):
        case "integer":
            part = Part(Kind.NUMBER, name or "int", str(primitive.integer))
        case "float_value":
            part = Part(Kind.NUMBER, name or "float", repr(primitive.float_value))
        case "boolean":
            part = Part(Kind.WORD, name or "bool", str(primitive.boolean))
        case "string_value":
            part = Part(Kind.TEXT, name or "str", primitive.string_value)
        case "datetime":
            part = Part(Kind.NUMBER, name or "datetime", _text_of(primitive.datetime.ToJsonString))
        case "duration":
            part = Part(Kind.NUMBER, name or "timedelta", show_duration(primitive.duration))
    return part


def _text_of(make: Callable[[], str]) -> str:
    try:
        return make()
    except ValueError:  # out of its range
        return "not a time"


def _schema(of_type: types_pb2.LiteralType | None) -> Schema:
    own = types.schema_of(of_type)
    return Schema(own, types.definitions_of(own))


def _of_binary(binary: literals_pb2.Binary, of_type: types_pb2.LiteralType | None, name: str) -> Part:
    if binary.tag == MSGPACK:
        try:
            return of_plain(msgspec.msgpack.decode(binary.value), _schema(of_type), name)
        except (msgspec.DecodeError, RecursionError):
            pass
    return Part(Kind.PICKLE, name or "bytes", size=len(binary.value))


def _of_blob(blob: literals_pb2.Blob, name: str) -> Part:
    kind = blob.metadata.type
    if kind.format == types.PICKLE:
        return Part(Kind.PICKLE, name or "Any", uri=blob.uri)
    if kind.dimensionality == types_pb2.BlobType.MULTIPART:
        return Part(Kind.DIR, name or "Dir", uri=blob.uri, format=kind.format)
    return Part(Kind.FILE, name or "File", uri=blob.uri, format=kind.format)


def _of_dataset(dataset: literals_pb2.StructuredDataset, name: str) -> Part:
    of_table = dataset.metadata.structured_dataset_type
    columns = tuple((one.name, types.type_name(one.literal_type)) for one in of_table.columns)
    return Part(
        Kind.TABLE, name or "DataFrame", uri=dataset.uri, format=of_table.format or "parquet", columns=columns
    )


# --- what dataclasses, models and dicts are made into ------------------------------------------------------------


def of_plain(value: Any, schema: Schema | None = None, name: str = "") -> Part:
    """A value of JSON or MessagePack. name: the type's, where it is known already."""
    schema = (schema or Schema()).resolved(value)
    known = name or (types.schema_name(schema.own, schema.definitions) if schema.own else "")
    match value:
        case None | bool():
            part = Part(Kind.WORD, known or type(value).__name__.replace("NoneType", "None"), str(value))
        case int() | float():
            part = Part(Kind.NUMBER, known or type(value).__name__, repr(value))
        case str():
            part = Part(Kind.TEXT, known or "str", value)
        case bytes() | bytearray() | memoryview():
            part = Part(Kind.PICKLE, known or "bytes", size=len(value))
        case list() | tuple() | set() | frozenset():
            part = _of_list(list(value), schema, known)
        case dict():
            part = _of_dict(value, schema, known)
        case _:
            part = Part(Kind.TEXT, known or type(value).__name__, str(value))
    return part


def _of_list(value: list[Any], schema: Schema, name: str) -> Part:
    inner = schema.of_items()

    def items() -> Iterator[tuple[str, Part]]:
        return ((str(at), of_plain(one, inner)) for at, one in enumerate(value))

    return Part(Kind.LIST, name or "list", count=len(value), items=items)


def _of_dict(value: dict[Any, Any], schema: Schema, name: str) -> Part:
    if (special := types.special_of(schema.own)) and (found := _special(value, special, name)):
        return found
    if types.is_tuple(schema.own):
        ordered = sorted(value.items(), key=lambda item: (len(str(item[0])), str(item[0])))

        def numbered() -> Iterator[tuple[str, Part]]:
            return ((str(at), of_plain(one, schema.of(key))) for at, (key, one) in enumerate(ordered))

        return Part(Kind.LIST, name, count=len(value), items=numbered)

    def items() -> Iterator[tuple[str, Part]]:
        return ((str(key), of_plain(one, schema.of(str(key)))) for key, one in value.items())

    return Part(Kind.DICT, name or "dict", count=len(value), items=items)


def _special(value: dict[Any, Any], special: str, name: str) -> Part | None:
    """A File, Dir or DataFrame inside of a structure."""
    uri = value.get("uri" if special == "dataframe" else "path")
    if not isinstance(uri, str):
        return None
    form = value.get("format")
    kind = {"file": Kind.FILE, "dir": Kind.DIR}.get(special, Kind.TABLE)
    default = "parquet" if kind is Kind.TABLE else ""
    return Part(kind, name, uri=uri, format=form if isinstance(form, str) and form else default)
