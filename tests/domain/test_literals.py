from __future__ import annotations

import msgspec
from flyteidl2.core import literals_pb2, types_pb2
from flyteidl2.task import common_pb2

from runs.domain.literals import MAX_CHARACTERS, read_inputs, read_outputs


def primitive(**fields) -> literals_pb2.Literal:
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(**fields)))


def inputs(**values: literals_pb2.Literal) -> bytes:
    named = [common_pb2.NamedLiteral(name=name, value=value) for name, value in values.items()]
    return common_pb2.Inputs(literals=named).SerializeToString()


def one(literal: literals_pb2.Literal):
    (value,) = read_inputs(inputs(x=literal))
    return value


def test_primitives_are_shown_as_they_are():
    values = read_inputs(
        inputs(n=primitive(integer=3), f=primitive(float_value=0.5), s=primitive(string_value="a\nb"))
    )

    assert [(value.name, value.kind, value.text) for value in values] == [
        ("n", "integer", "3"),
        ("f", "float", "0.5"),
        ("s", "string", "a\nb"),
    ]


def test_lists_and_maps_are_json():
    collection = literals_pb2.LiteralCollection(literals=[primitive(integer=1), primitive(integer=2)])
    nested = literals_pb2.LiteralMap(literals={"k": literals_pb2.Literal(collection=collection)})

    value = one(literals_pb2.Literal(map=nested))

    assert value.kind == "map"
    assert msgspec.json.decode(value.text) == {"k": [1, 2]}


def test_a_union_is_what_it_holds():
    union = literals_pb2.Union(value=primitive(boolean=True), type=types_pb2.LiteralType())

    value = one(literals_pb2.Literal(scalar=literals_pb2.Scalar(union=union)))

    assert (value.kind, value.text) == ("boolean", "true")


def test_msgpack_is_decoded_and_broken_msgpack_is_not_trusted():
    good = literals_pb2.Binary(value=msgspec.msgpack.encode({"a": [1, None]}), tag="msgpack")
    bad = literals_pb2.Binary(value=b"\xc1", tag="msgpack")

    decoded = one(literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=good)))
    kept = one(literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=bad)))

    assert msgspec.json.decode(decoded.text) == {"a": [1, None]}
    assert "base64" in kept.text


def test_long_values_are_cut():
    value = one(primitive(string_value="x" * (MAX_CHARACTERS + 1)))

    assert value.is_cut
    assert len(value.text) == MAX_CHARACTERS


def test_a_list_deeper_than_any_sane_one_ends_somewhere():
    literal = primitive(integer=1)
    for _ in range(40):
        literal = literals_pb2.Literal(collection=literals_pb2.LiteralCollection(literals=[literal]))

    assert "…" in one(literal).text


def test_what_is_no_message_has_no_values():
    assert read_outputs(b"\xff\xff\xff") == []


def test_an_empty_file_is_no_outputs():
    assert read_outputs(b"") == []
