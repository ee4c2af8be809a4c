from __future__ import annotations

import msgspec
from flyteidl2.core import literals_pb2, types_pb2

from runs.domain.literals import to_plain


def primitive(**fields) -> literals_pb2.Literal:
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(**fields)))


def test_primitives_are_what_they_are():
    assert [to_plain(one) for one in (primitive(integer=3), primitive(float_value=0.5), primitive(string_value="a\nb"))] == [
        3, 0.5, "a\nb",
    ]  # fmt: skip


def test_lists_and_maps_are_those_of_python():
    collection = literals_pb2.LiteralCollection(literals=[primitive(integer=1), primitive(integer=2)])
    nested = literals_pb2.LiteralMap(literals={"k": literals_pb2.Literal(collection=collection)})

    assert to_plain(literals_pb2.Literal(map=nested)) == {"k": [1, 2]}


def test_a_union_is_what_it_holds():
    union = literals_pb2.Union(value=primitive(boolean=True), type=types_pb2.LiteralType())

    assert to_plain(literals_pb2.Literal(scalar=literals_pb2.Scalar(union=union))) is True


def test_msgpack_is_decoded_and_broken_msgpack_is_not_trusted():
    good = literals_pb2.Binary(value=msgspec.msgpack.encode({"a": [1, None]}), tag="msgpack")
    bad = literals_pb2.Binary(value=b"\xc1", tag="msgpack")

    assert to_plain(literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=good))) == {"a": [1, None]}
    assert "base64" in to_plain(literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=bad)))


def test_a_list_deeper_than_any_sane_one_ends_somewhere():
    literal = primitive(integer=1)
    for _ in range(40):
        literal = literals_pb2.Literal(collection=literals_pb2.LiteralCollection(literals=[literal]))

    assert "…" in str(to_plain(literal))
