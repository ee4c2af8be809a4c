"""The shapes of JSON schemas: those that Python's serialisers write, and whatever else stands where one should."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl2.core import types_pb2
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from runs.domain.errors import Invalid
from runs.domain.forms.literals import literal_of
from runs.domain.forms.plain import read
from runs.domain.forms.shapes import Kind, schema_shape, shape_of
from tests.domain.forms.test_literals import simple

WORDS = (
    "type",
    "properties",
    "required",
    "enum",
    "anyOf",
    "allOf",
    "$ref",
    "$defs",
    "items",
    "additionalProperties",
    "default",
)
TYPES = ("object", "array", "string", "integer", "number", "boolean", "null", "#/$defs/a")
anything = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(TYPES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(WORDS), anything, max_size=5))
def test_whatever_stands_in_the_place_of_a_schema_has_a_shape(schema: dict[str, Any]):
    of_type = simple(types_pb2.STRUCT)
    json_format.ParseDict(schema, of_type.metadata)

    assert shape_of(of_type).kind in {Kind.OBJECT, Kind.JSON}


@pytest.mark.parametrize(
    ("schema", "kind", "title"),
    [
        ({"type": "string", "format": "date-time"}, Kind.TIME, "datetime"),
        ({"type": "array", "items": {"type": "integer"}}, Kind.LIST, "list[int]"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, Kind.MAP, "dict[str, float]"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, Kind.UNION, "str | None"),
        ({"enum": ["a", "b"], "title": "Mode"}, Kind.CHOICE, "Mode"),
        ({"enum": [1, 2]}, Kind.JSON, "JSON"),
        ({"allOf": [{"$ref": "#/$defs/Mode"}], "default": "a"}, Kind.CHOICE, "enum"),
        ({"$ref": "#/$defs/Gone"}, Kind.JSON, "JSON"),
    ],
)
def test_schemas_as_serialisers_write_them(schema: dict[str, Any], kind: Kind, title: str):
    found = schema_shape(schema, {"Mode": {"enum": ["a"]}})

    assert (found.kind, found.title) == (kind, title)


def test_a_number_that_msgpack_does_not_have_is_refused_in_words():
    of_type = simple(types_pb2.STRUCT)

    with pytest.raises(Invalid, match="does not fit into 64 bits"):
        literal_of(read(f'{{"a": {2**70}}}', shape_of(of_type)), of_type)
