from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from flyteidl2.core import interface_pb2, literals_pb2, types_pb2
from flyteidl2.task import common_pb2, task_definition_pb2
from google.protobuf import json_format

from runs.domain.conditions import literal
from runs.domain.errors import NotFound
from runs.domain.values.contents import SVG, Content, image_type, sniff
from runs.domain.values.parts import Kind, Part, of_literal, of_plain
from runs.domain.values.tables import read_csv, write_csv
from runs.domain.values.trees import (
    INPUTS,
    Limits,
    find_part,
    make_node,
    plain_of,
    read_parts,
    text_of,
    types_of,
)
from runs.domain.values.types import type_name

T = types_pb2.LiteralType
INT, STR, NONE = (T(simple=kind) for kind in (types_pb2.INTEGER, types_pb2.STRING, types_pb2.NONE))
FILE = {"title": "File", "type": "object", "x-flyte-type": "file", "properties": {"path": {"type": "string"}}}
CONFIG = {
    "title": "Config",
    "type": "object",
    "properties": {
        "lr": {"type": "number"},
        "inner": {
            "title": "Inner",
            "type": "object",
            "properties": {"tags": {"type": "array", "items": {"type": "string"}}},
        },
        "data": {"anyOf": [FILE, {"type": "null"}]},
        "by": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
}


def struct(schema: dict[str, Any] | None = None) -> T:
    made = T(simple=types_pb2.STRUCT)
    if schema:
        json_format.ParseDict(schema, made.metadata)
    return made


def packed(value: Any) -> literals_pb2.Literal:
    return literals_pb2.Literal(
        scalar=literals_pb2.Scalar(
            binary=literals_pb2.Binary(value=msgspec.msgpack.encode(value), tag="msgpack")
        )
    )


def pickled(name: str) -> T:
    made = T(union_type=types_pb2.UnionType(variants=[T(blob=types_pb2.BlobType(format="PythonPickle"))]))
    json_format.ParseDict({"python_class_name": name}, made.metadata)
    return made


def tuple_of(*kinds: str) -> T:
    properties = {f"item_{at}": {"type": kind} for at, kind in enumerate(kinds)}
    return struct({"title": "TupleWrapper_tuple", "type": "object", "properties": properties})


@pytest.mark.parametrize(
    ("of_type", "name"),
    [
        (T(collection_type=INT), "list[int]"),
        (T(map_value_type=T(simple=types_pb2.FLOAT)), "dict[str, float]"),
        (T(union_type=types_pb2.UnionType(variants=[STR, NONE])), "str | None"),
        (T(simple=types_pb2.DATETIME), "datetime"),
        (T(simple=types_pb2.DURATION), "timedelta"),
        (T(enum_type=types_pb2.EnumType(values=["A"])), "enum"),
        (struct(), "dict"),
        (struct(CONFIG), "Config"),
        (T(collection_type=struct(CONFIG)), "list[Config]"),
        (tuple_of("integer", "string"), "tuple[int, str]"),
        (struct({"title": "NamedTupleWrapper_Point", "type": "object", "properties": {}}), "Point"),
        (T(blob=types_pb2.BlobType()), "File"),
        (T(blob=types_pb2.BlobType(dimensionality=types_pb2.BlobType.MULTIPART)), "Dir"),
        (T(structured_dataset_type=types_pb2.StructuredDatasetType()), "DataFrame"),
        (pickled("<class 'numpy.ndarray'>"), "numpy.ndarray"),
        (pickled("typing.Literal['a', 'b']"), "Literal['a', 'b']"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_type_has_the_name_that_its_task_gives_it(of_type: T, name: str):
    assert type_name(of_type) == name


def test_the_parts_of_a_dataclass_know_their_types_and_its_files():
    value = {"lr": 0.5, "inner": {"tags": ["a"]}, "data": {"path": "s3://b/x.png"}, "by": {"k": 1}}
    node = make_node(of_literal(packed(value), struct(CONFIG)), Limits(100, 100))

    assert (node.kind, node.type, node.count) == (Kind.DICT, "Config", 4)
    children = {child.name: child for child in node.children}
    assert {name: child.type for name, child in children.items()} == {
        "lr": "float", "inner": "Inner", "data": "File", "by": "dict[str, int]",
    }  # fmt: skip
    assert (children["data"].kind, children["data"].uri, children["data"].at) == (
        Kind.FILE,
        "s3://b/x.png",
        "/data",
    )
    assert children["inner"].children[0].type == "list[str]"
    assert node.has_files


def test_a_file_in_a_dataclass_is_known_by_its_fields():
    fields = {"path": {"type": "string"}, "format": {"type": "string"}}
    schema = {
        "title": "Config",
        "type": "object",
        "properties": {"data": {"title": "File", "type": "object", "properties": fields}},
    }

    node = make_node(
        of_literal(packed({"data": {"path": "s3://b/x", "format": ""}}), struct(schema)), Limits(9, 9)
    )

    assert (node.children[0].kind, node.children[0].type) == (Kind.FILE, "File")


def test_a_tuple_is_a_list_in_the_order_of_its_items():
    value = {"item_10": 10, "item_9": 9, **{f"item_{at}": at for at in range(9)}}
    part = of_literal(packed(value), tuple_of(*["integer"] * 11))

    assert part.type.startswith("tuple[int, int")
    assert plain_of(part) == list(range(11))


def test_an_optional_says_what_it_may_be_and_shows_what_it_is():
    of_type = T(union_type=types_pb2.UnionType(variants=[struct(CONFIG), NONE]))
    union = literals_pb2.Union(value=packed({"lr": 1.0}), type=struct(CONFIG))

    part = of_literal(literals_pb2.Literal(scalar=literals_pb2.Scalar(union=union)), of_type)

    assert (part.kind, part.type) == (Kind.DICT, "Config | None")


def test_a_pickle_is_not_opened():
    binary = literals_pb2.Binary(value=b"\x80\x05cos\nsystem\n.")
    part = of_literal(
        literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=binary)), pickled("<class 'x.Odd'>")
    )

    assert (part.kind, part.type, part.size) == (Kind.PICKLE, "x.Odd", 14)


def test_broken_msgpack_is_bytes():
    binary = literals_pb2.Binary(value=b"\xc1", tag="msgpack")

    assert of_literal(literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=binary))).kind is Kind.PICKLE


def test_a_tree_has_no_more_parts_than_its_page_has_room_for():
    node = make_node(
        of_plain({"long": list(range(1000)), "after": "x" * 50}), Limits(nodes=20, characters=10)
    )

    (long,) = node.children
    assert (len(long.children), long.left_out, node.left_out) == (18, 982, 1)
    assert not node.is_whole


def test_a_long_text_is_cut_and_says_how_long_it_is():
    node = make_node(of_plain("x" * 50), Limits(nodes=20, characters=10))

    assert (node.text, node.length) == ("x" * 10, 50)


def test_a_part_is_found_by_its_place():
    part = of_plain({"a/b": [{"~": 7}]})
    node = make_node(part, Limits(10, 10))

    place = node.children[0].children[0].children[0].at
    assert place == "/a~1b/0/~0"
    assert find_part(part, place).text == "7"
    with pytest.raises(NotFound, match="nothing at '/a~1b/4'"):
        find_part(part, "/a~1b/4")


def test_the_text_to_copy_is_json_or_the_text_itself():
    assert text_of(of_plain("a\nb")) == "a\nb"
    assert json.loads(text_of(of_plain({"n": [1, 2.5, None, True], "t": "é", "i": float("inf")}))) == {
        "n": [1, 2.5, None, True], "t": "é", "i": "inf",
    }  # fmt: skip


def test_the_values_of_a_file_have_the_types_of_the_interface():
    spec = task_definition_pb2.TaskSpec()
    entry = interface_pb2.VariableEntry(key="c", value=interface_pb2.Variable(type=struct(CONFIG)))
    spec.task_template.interface.inputs.variables.append(entry)
    named = [
        common_pb2.NamedLiteral(name=name, value=value)
        for name, value in (("c", packed({})), ("n", literal(3)))
    ]
    data = common_pb2.Inputs(literals=named).SerializeToString()

    parts = read_parts(data, INPUTS, types_of(spec.SerializeToString(), INPUTS))

    assert {name: part.type for name, part in parts.items()} == {"c": "Config", "n": "int"}
    assert read_parts(b"\xff\xff\xff", INPUTS, {}) == {}


@pytest.mark.parametrize(
    ("head", "name", "content"),
    [
        (b"", "x.png", Content.EMPTY),
        (b"<html>", "x.png", Content.TEXT),
        (b"\x89PNG\r\n\x1a\n..", "note.txt", Content.IMAGE),
        (b'<?xml version="1.0"?><svg xmlns="a">', "x", Content.IMAGE),
        (b"PAR1...", "00000", Content.PARQUET),
        (b"a,b\n1,2\n", "x.csv", Content.TABLE),
        (b"a,b\n1,2\n", "x.log", Content.TEXT),
        (b'{"a": 1}', "x.json", Content.JSON),
        ("é".encode()[:1], "x.txt", Content.TEXT),
        (b"\xff\xfe\x00", "x.txt", Content.OTHER),
    ],
)
def test_what_a_file_holds_is_seen_in_it(head: bytes, name: str, content: Content):
    assert sniff(head, name) is content
    assert image_type(b"<svg onload='x'>") == SVG


def test_a_csv_has_columns_with_types_and_a_number_of_rows():
    table = read_csv(
        "id;when;note;lr\n" + '1;2026-01-02;"a;b\nc";0.5\n2;2026-01-03;;\n', is_whole=True, max_rows=1
    )

    assert table is not None
    assert [(one.name, one.type) for one in table.columns] == [
        ("id", "int"), ("when", "datetime"), ("note", "str"), ("lr", "float"),
    ]  # fmt: skip
    assert (table.rows, table.count, table.rows_left_out) == ((("1", "2026-01-02", "a;b\nc", "0.5"),), 2, 1)


def test_the_last_line_of_a_part_of_a_csv_is_left_out():
    table = read_csv("a,b\n1,2\n3,", is_whole=False)

    assert table is not None
    assert (table.rows, table.count) == ((("1", "2"),), None)
    assert read_csv("", is_whole=True) is None


def test_only_what_ends_a_line_of_a_csv_ends_a_row():
    table = read_csv("a,b\r\n1,x\u2028y\r\n", is_whole=True)

    assert table is not None
    assert table.rows == (("1", "x\u2028y"),)


def test_rows_of_other_lengths_are_made_to_fit():
    table = read_csv("a,b\n1\n1,2,3\n", is_whole=True)

    assert table is not None
    assert table.rows == (("1", ""), ("1", "2"))


def test_no_cell_of_a_written_csv_is_a_formula():
    assert list(write_csv(["a", "b"], [["=1+1", "-2.5"], ["@x", 'say "a", b']])) == [
        "a,b\r\n", "'=1+1,-2.5\r\n", "'@x,\"say \"\"a\"\", b\"\r\n",
    ]  # fmt: skip


def test_a_part_of_a_structure_without_a_schema_is_what_it_looks_like():
    assert of_plain({"path": "/x"}).kind is Kind.DICT
    assert isinstance(of_plain([1]), Part)
