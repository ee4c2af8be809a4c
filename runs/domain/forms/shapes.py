"""What a value looks like, of Flyte's types and of the JSON schemas that dataclasses and pydantic models come with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Any

from flyteidl2.core import types_pb2
from google.protobuf import json_format

MAX_DEPTH = 8  # of types in types; what is deeper is JSON
MAX_SCHEMA_DEPTH = 24  # of schemas in schemas; an object in an object is two
_PICKLE = "PythonPickle"


class Kind(StrEnum):
    """How a value is typed, shown and checked. MESSAGE: Flyte's literal itself, as JSON, for what has no other form."""

    TEXT = auto()
    INTEGER = auto()
    FLOAT = auto()
    BOOLEAN = auto()
    CHOICE = auto()
    TIME = auto()
    DURATION = auto()
    URI = auto()
    NONE = auto()
    LIST = auto()
    MAP = auto()
    OBJECT = auto()
    UNION = auto()
    JSON = auto()
    MESSAGE = auto()


@dataclass(frozen=True, slots=True)
class Property:
    """A field of an object. default: what the code takes when it is not there, if the schema says so."""

    name: str
    shape: Shape
    is_required: bool = False
    has_default: bool = False
    default: Any = None


@dataclass(frozen=True, slots=True)
class Shape:
    """title: the type in Python's words; choices: of CHOICE; items: of LIST and MAP; properties: of OBJECT, which is_closed
    when it takes no others; variants: of UNION.
    """

    kind: Kind
    title: str
    choices: tuple[str, ...] = ()
    items: Shape | None = None
    properties: tuple[Property, ...] = ()
    is_closed: bool = False
    variants: tuple[Shape, ...] = ()

    @property
    def is_optional(self) -> bool:
        return any(variant.kind is Kind.NONE for variant in self.variants)


NONE = Shape(Kind.NONE, "None")
ANYTHING = Shape(Kind.JSON, "JSON")
MESSAGE = Shape(Kind.MESSAGE, "literal")
_SIMPLE = {
    types_pb2.STRING: Shape(Kind.TEXT, "str"),
    types_pb2.INTEGER: Shape(Kind.INTEGER, "int"),
    types_pb2.FLOAT: Shape(Kind.FLOAT, "float"),
    types_pb2.BOOLEAN: Shape(Kind.BOOLEAN, "bool"),
    types_pb2.DATETIME: Shape(Kind.TIME, "datetime"),
    types_pb2.DURATION: Shape(Kind.DURATION, "timedelta"),
    types_pb2.NONE: NONE,
}
_SCALARS = {
    "string": _SIMPLE[types_pb2.STRING],
    "integer": _SIMPLE[types_pb2.INTEGER],
    "number": _SIMPLE[types_pb2.FLOAT],
    "boolean": _SIMPLE[types_pb2.BOOLEAN],
    "null": NONE,
}


def shape_of(message: types_pb2.LiteralType, depth: int = 0) -> Shape:
    """The shape of a type of an interface."""
    if depth > MAX_DEPTH:
        return MESSAGE
    shape = MESSAGE
    match message.WhichOneof("type"):
        case "simple" if message.simple == types_pb2.STRUCT:
            shape = _struct(message)
        case "simple":
            shape = _SIMPLE.get(message.simple, MESSAGE)
        case "enum_type":
            shape = Shape(Kind.CHOICE, "enum", choices=tuple(message.enum_type.values))
        case "collection_type":
            shape = _filled(Kind.LIST, "list[{}]", shape_of(message.collection_type, depth + 1))
        case "map_value_type":
            shape = _filled(Kind.MAP, "dict[str, {}]", shape_of(message.map_value_type, depth + 1))
        case "union_type":
            shape = union_of([shape_of(variant, depth + 1) for variant in message.union_type.variants])
        case "blob" if message.blob.format != _PICKLE:
            is_folder = message.blob.dimensionality == types_pb2.BlobType.MULTIPART
            shape = Shape(Kind.URI, "Dir" if is_folder else "File")
        case "structured_dataset_type":
            shape = Shape(Kind.URI, "DataFrame")
    return shape


def _filled(kind: Kind, title: str, items: Shape) -> Shape:
    """A list or a map; of what has no form, it has none either."""
    return MESSAGE if items.kind is Kind.MESSAGE else Shape(kind, title.format(items.title), items=items)


def union_of(variants: Sequence[Shape]) -> Shape:
    if len(variants) == 1:
        return variants[0]
    if any(variant.kind is Kind.MESSAGE for variant in variants):
        return MESSAGE
    return Shape(Kind.UNION, " | ".join(variant.title for variant in variants), variants=tuple(variants))


def _struct(message: types_pb2.LiteralType) -> Shape:
    schema = json_format.MessageToDict(message.metadata)
    definitions = schema.get("$defs", schema.get("definitions"))
    found = _Schemas(definitions if isinstance(definitions, Mapping) else {}).shape(schema)
    return found if found.kind is Kind.OBJECT else Shape(Kind.JSON, "dict")


def schema_shape(schema: Any, definitions: Mapping[str, Any]) -> Shape:
    """The shape of a JSON schema. What it says in another way than Python's serialisers do is any JSON, and so is a type inside of itself."""
    return _Schemas(definitions).shape(schema)


class _Schemas:
    """Definitions, each of which is read once, however often it is named."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._named: dict[str, Shape] = {}

    def shape(self, schema: Any, depth: int = 0) -> Shape:
        if not isinstance(schema, Mapping) or depth > MAX_SCHEMA_DEPTH:
            return ANYTHING
        if (name := _referred(schema)) is not None:
            return self._definition(name, depth)
        if isinstance(options := schema.get("anyOf", schema.get("oneOf")), list):
            return union_of([self.shape(option, depth + 1) for option in options])
        shape = ANYTHING
        match schema:
            case {"enum": list(choices)}:
                if all(isinstance(choice, str) for choice in choices):
                    shape = Shape(Kind.CHOICE, str(schema.get("title", "enum")), choices=tuple(choices))
            case {"type": "string", "format": "date-time"}:
                shape = _SIMPLE[types_pb2.DATETIME]
            case {"type": "array"}:
                items = self.shape(schema.get("items"), depth + 1)
                shape = Shape(Kind.LIST, f"list[{items.title}]", items=items)
            case {"type": "object"}:
                shape = self._object(schema, depth)
            case {"type": str(scalar)}:
                shape = _SCALARS.get(scalar, ANYTHING)
        return shape

    def _definition(self, name: str, depth: int) -> Shape:
        if name not in self._named:
            self._named[name] = ANYTHING  # where it is inside of itself
            self._named[name] = self.shape(self._definitions.get(name), depth + 1)
        return self._named[name]

    def _object(self, schema: Mapping[str, Any], depth: int) -> Shape:
        more, title = schema.get("additionalProperties"), str(schema.get("title", "object"))
        if not isinstance(declared := schema.get("properties"), Mapping):
            items = self.shape(more, depth + 1)
            return Shape(Kind.MAP, f"dict[str, {items.title}]", items=items)
        required = named if isinstance(named := schema.get("required"), list) else []
        properties = tuple(
            self._property(name, one, depth, is_required=name in required)
            for name, one in sorted(declared.items())
        )
        return Shape(Kind.OBJECT, title, properties=properties, is_closed=more is False)

    def _property(self, name: str, schema: Any, depth: int, *, is_required: bool) -> Property:
        shape = self.shape(schema, depth + 1)
        has_default = isinstance(schema, Mapping) and "default" in schema
        default = schema["default"] if has_default else None
        if shape.kind is Kind.INTEGER and isinstance(default, float) and default.is_integer():
            default = int(default)  # the schema travels in a message whose numbers are floats
        return Property(name, shape, is_required, has_default, default)


def _referred(schema: Mapping[str, Any]) -> str | None:
    """The name of the definition that stands for this schema."""
    refers: Any = schema
    if isinstance(parts := schema.get("allOf"), list) and len(parts) == 1:
        refers = parts[0]
    found = refers.get("$ref") if isinstance(refers, Mapping) else None
    return found.rpartition("/")[2] if isinstance(found, str) else None
