"""The fields of a form, first shown, sent back unchanged, changed, and wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from flyteidl2.core import interface_pb2, literals_pb2, types_pb2
from flyteidl2.core.literals_pb2 import Literal
from flyteidl2.core.types_pb2 import LiteralType as Type
from google.protobuf import json_format
from hypothesis import given

from runs.domain.conditions import literal
from runs.domain.forms.fields import (
    FILE,
    FOLDER,
    MAX_FIELDS,
    MAX_TEXT,
    VARIANT,
    Field,
    Form,
    leaves,
    make_form,
    upload_kind,
    with_errors,
)
from tests.domain.forms.test_literals import NONE, simple, values

STRING, INTEGER, FLOAT = simple(types_pb2.STRING), simple(types_pb2.INTEGER), simple(types_pb2.FLOAT)
# As the SDK has it of `class Model: depth: int; rate: float = 0.5; mode: Literal["a", "b"] = "a"; at: datetime | None; inner: Inner`.
SCHEMA = {
    "title": "Model",
    "type": "object",
    "properties": {
        "depth": {"type": "integer"},
        "rate": {"type": "number", "default": 0.5},
        "mode": {"enum": ["a", "b"], "default": "a"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "at": {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}], "default": None},
        "inner": {"$ref": "#/$defs/Inner"},
    },
    "required": ["depth"],
    "additionalProperties": False,
    "$defs": {
        "Inner": {
            "title": "Inner",
            "type": "object",
            "properties": {"is_on": {"type": "boolean", "default": True}},
        }
    },
}
MODEL = {"depth": 2, "rate": 0.25, "mode": "a", "tags": ["x"], "at": None, "inner": {"is_on": False}}


def variables(**types: Type) -> list[interface_pb2.VariableEntry]:
    return [
        interface_pb2.VariableEntry(key=name, value=interface_pb2.Variable(type=one))
        for name, one in types.items()
    ]


def struct_type(schema: Mapping[str, Any] = SCHEMA) -> Type:
    of_type = simple(types_pb2.STRUCT)
    json_format.ParseDict({**schema}, of_type.metadata)
    return of_type


def struct(value: Any) -> Literal:
    data = msgspec.msgpack.encode(value)
    return Literal(scalar=literals_pb2.Scalar(binary=literals_pb2.Binary(value=data, tag="msgpack")))


def posted_of(fields: tuple[Field, ...]) -> dict[str, str]:
    """What a browser sends of a form that nobody has touched."""
    sent: dict[str, str] = {}
    for field in fields:
        if field.control == "group":
            sent |= posted_of(field.fields)
        elif field.control != "kept":
            sent[field.key] = field.text.replace("\n", "\r\n")
            if field.variants:
                sent[field.key + VARIANT] = str(field.variant)
    return sent


def change(of_type: Type, before: Literal | None, **posted: str) -> tuple[Form, Literal | None]:
    """The form of one input `x`, sent back with these fields changed (dots are written `__`)."""
    known = {"x": before} if before is not None else {}
    sent = posted_of(make_form(variables(x=of_type), known).fields)
    sent |= {f"in.{key.replace('__', '.')}": text for key, text in posted.items()}
    form = make_form(variables(x=of_type), known, sent)
    return form, form.changes.get("x")


def errors_of(fields: tuple[Field, ...]) -> dict[str, str]:
    found = {field.key: field.error for field in fields if field.error}
    return found | {key: error for field in fields for key, error in errors_of(field.fields).items()}


@given(values())
def test_what_is_sent_back_untouched_changes_nothing(pair: tuple[Type, Literal]):
    of_type, before = pair

    form, changed = change(of_type, before)

    assert (form.is_valid, changed) == (True, None)
    assert not form.fields[0].is_changed


def test_a_changed_value_is_the_only_change():
    known = {"n": literal(1), "name": literal("a\r\nb")}
    entries = variables(n=INTEGER, name=STRING)

    form = make_form(entries, known, {"in.n": " 2 ", "in.name": "a\r\nb"})

    assert form.changes == {"n": literal(2)}
    assert [(field.label, field.is_changed, field.original) for field in form.fields] == [
        ("n", True, "1"),
        ("name", False, "a\r\nb"),
    ]


def test_a_wrong_value_is_marked_in_its_field_and_changes_nothing():
    form = make_form(
        variables(n=INTEGER, m=INTEGER), {"n": literal(1), "m": literal(1)}, {"in.n": "x", "in.m": "2"}
    )

    assert not form.is_valid
    assert errors_of(form.fields) == {"in.n": 'this must be an integer, not "x"'}
    assert form.fields[0].text == "x"


def test_what_has_no_value_needs_one_but_a_text_may_be_empty():
    shown = make_form(variables(n=INTEGER, name=STRING), {})
    sent = make_form(variables(n=INTEGER, name=STRING), {}, {"in.n": "", "in.name": ""})

    assert shown.is_valid
    assert errors_of(sent.fields) == {"in.n": 'this must be an integer, not ""'}
    assert sent.changes == {"name": literal("")}


def test_a_dataclass_has_a_field_for_each_property_in_its_own_order():
    form = make_form(variables(x=struct_type()), {"x": struct(MODEL)})

    (group,) = form.fields
    assert (group.control, group.title) == ("group", "Model")
    assert [(one.label, one.control, one.text) for one in group.fields] == [
        ("depth", "line", "2"),
        ("rate", "line", "0.25"),
        ("mode", "select", "a"),
        ("tags", "area", '["x"]'),
        ("at", "line", ""),
        ("inner", "group", ""),
    ]
    assert group.fields[4].variants == ("datetime", "None")
    assert [(one.key, one.text) for one in group.fields[5].fields] == [("in.x.inner.is_on", "false")]


def test_a_changed_property_changes_the_object_and_no_other_property():
    form, changed = change(struct_type(), struct(MODEL), x__rate="1", x__inner__is_on="true")

    assert form.is_valid
    assert changed is not None
    assert msgspec.msgpack.decode(changed.scalar.binary.value) == MODEL | {
        "rate": 1.0,
        "inner": {"is_on": True},
    }
    assert isinstance(msgspec.msgpack.decode(changed.scalar.binary.value)["rate"], float)


def test_an_optional_property_is_set_and_unset():
    of_type = struct_type()

    _, is_set = change(of_type, struct(MODEL), x__at="2026-01-31T10:00:00Z", x__at__is="0")
    assert is_set is not None
    _, unset = change(of_type, is_set, x__at__is="1")

    assert msgspec.msgpack.decode(is_set.scalar.binary.value)["at"] == "2026-01-31T10:00:00Z"
    assert unset == struct(MODEL)


def test_an_error_in_an_object_is_at_its_property():
    form, changed = change(struct_type(), struct(MODEL), x__depth="deep", x__tags='["a", 1]')

    assert changed is None
    assert errors_of(form.fields) == {
        "in.x.depth": 'this must be an integer, not "deep"',
        "in.x.tags": "[1] must be text, not 1",
    }


def test_an_object_that_was_not_given_is_made_of_its_required_fields():
    form, changed = change(struct_type(), None, x__depth="4")

    assert form.is_valid
    assert changed == struct({"depth": 4})


def test_a_union_says_which_variant_its_value_is():
    of_type = Type(union_type=types_pb2.UnionType(variants=[INTEGER, STRING, simple(types_pb2.NONE)]))
    union = literals_pb2.Union(value=literal("3"), type=STRING)
    before = Literal(scalar=literals_pb2.Scalar(union=union))

    form, same = change(of_type, before)
    _, number = change(of_type, before, x__is="0")
    _, none = change(of_type, before, x__is="2")

    assert (form.fields[0].variant, form.fields[0].variants, same) == (1, ("int", "str", "None"), None)
    assert number is not None
    assert number.scalar.union == literals_pb2.Union(value=literal(3), type=INTEGER)
    assert none is not None
    assert none.scalar.union.value == NONE


def test_what_is_too_long_or_of_another_type_stays_as_it_is():
    long = make_form(variables(x=STRING), {"x": literal("y" * (MAX_TEXT + 1))}, {"in.x": "short"})
    other = make_form(variables(x=INTEGER), {"x": literal("text")}, {"in.x": "1"})

    for form in (long, other):
        assert (form.fields[0].control, form.is_valid, form.changes) == ("kept", True, {})


def test_lists_and_maps_are_json():
    numbers = Type(collection_type=FLOAT)

    form, changed = change(
        Type(map_value_type=numbers), Literal(map=literals_pb2.LiteralMap()), x='{"a": [1, 2.5]}'
    )

    assert form.fields[0].title == "dict[str, list[float]]"
    assert changed is not None
    (items,) = changed.map.literals.values()
    assert [one.scalar.primitive.float_value for one in items.collection.literals] == [1.0, 2.5]


def test_a_schema_that_refers_to_itself_ends_as_json():
    schema = {
        "type": "object",
        "title": "Node",
        "properties": {"next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}},
        "$defs": {
            "Node": {"type": "object", "title": "Node", "properties": {"next": {"$ref": "#/$defs/Node"}}}
        },
    }
    deep: dict[str, Any] = {}
    for _ in range(5):
        deep = {"next": deep}

    form, changed = change(struct_type(schema), struct(deep), x__next=json.dumps({"next": {}}))

    assert form.is_valid
    assert changed == struct({"next": {"next": {}}})


def nested(levels: int, width: int = 1) -> dict[str, Any]:
    """A schema of so many objects in each other, each with so many numbers beside the next one."""
    definitions: dict[str, Any] = {}
    for level in range(levels):
        properties: dict[str, Any] = {f"n{number}": {"type": "integer"} for number in range(width)}
        if level + 1 < levels:
            properties["next"] = {"$ref": f"#/$defs/L{level + 1}"}
        definitions[f"L{level}"] = {"type": "object", "title": f"L{level}", "properties": properties}
    return definitions["L0"] | {"$defs": definitions}


def test_objects_in_objects_have_fields_however_deep_they_are():
    value: dict[str, Any] = {"n0": 7}
    for _ in range(7):
        value = {"n0": 0, "next": value}
    deepest = "x" + "__next" * 7 + "__n0"

    form, changed = change(struct_type(nested(8)), struct(value), **{deepest: "8"})

    assert form.is_valid
    assert [one.control for one in leaves(form.fields)] == ["line"] * 8
    assert changed is not None
    found = msgspec.msgpack.decode(changed.scalar.binary.value)
    for _ in range(7):
        found = found["next"]
    assert found == {"n0": 8}


def test_objects_of_more_fields_than_a_form_has_are_json():
    width = MAX_FIELDS // 2 - 1

    form = make_form(variables(x=struct_type(nested(4, width))), {})

    shown = list(leaves(form.fields))
    assert len(shown) <= MAX_FIELDS
    assert [one.key for one in shown if one.control == "area"] == ["in.x.next.next"]


def test_definitions_that_double_each_other_are_read_once():
    names = [f"D{number}" for number in range(20)]
    definitions = {
        name: {"type": "object", "properties": {side: {"$ref": f"#/$defs/{after}"} for side in ("a", "b")}}
        for name, after in zip(names, [*names[1:], "D0"], strict=True)
    }

    form = make_form(variables(x=struct_type(definitions["D0"] | {"$defs": definitions})), {})

    assert len(list(leaves(form.fields))) <= MAX_FIELDS


SINGLE = Type(blob=types_pb2.BlobType())
FOLDER_TYPE = Type(blob=types_pb2.BlobType(dimensionality=types_pb2.BlobType.MULTIPART))
OPTIONAL = Type(union_type=types_pb2.UnionType(variants=[simple(types_pb2.NONE), FOLDER_TYPE]))


def test_a_file_or_a_folder_may_be_given_in_place_of_an_address():
    form = make_form(variables(a=SINGLE, b=FOLDER_TYPE, c=OPTIONAL, d=STRING), {})

    assert [(one.upload, one.upload_variant) for one in form.fields] == [
        (FILE, -1), (FOLDER, -1), (FOLDER, 1), ("", -1),
    ]  # fmt: skip
    assert [upload_kind(one) for one in (SINGLE, FOLDER_TYPE, OPTIONAL, STRING)] == [FILE, FOLDER, FOLDER, ""]


def test_an_error_of_a_file_is_at_its_field():
    form = with_errors(make_form(variables(a=SINGLE, b=STRING), {}), {"in.a": "too large"})

    assert errors_of(form.fields) == {"in.a": "too large"}
    assert not form.is_valid
