"""Inputs on a command line."""

from __future__ import annotations

import pytest
from flyteidl2.core import literals_pb2, types_pb2
from flyteidl2.core.types_pb2 import LiteralType as Type

from runs.domain.conditions import literal
from runs.domain.errors import Invalid
from runs.domain.forms.options import read_options
from tests.domain.forms.test_fields import INTEGER, STRING, struct, struct_type, variables
from tests.domain.forms.test_literals import NONE, simple

VARIANTS = [STRING, INTEGER, simple(types_pb2.NONE)]


@pytest.mark.parametrize(
    ("text", "index", "value"),
    [("7", 1, literal(7)), ("seven", 0, literal("seven")), ("None", 2, NONE), ("null", 2, NONE)],
)
def test_the_text_says_which_variant_of_a_union_is_meant(text: str, index: int, value: literals_pb2.Literal):
    union = Type(union_type=types_pb2.UnionType(variants=VARIANTS))

    made = read_options([f"x={text}"], variables(x=union), {})["x"]

    assert made.scalar.union == literals_pb2.Union(value=value, type=VARIANTS[index])


def test_an_object_is_json():
    made = read_options(['x={"depth": 3, "rate": 1}'], variables(x=struct_type()), {})

    assert made == {"x": struct({"depth": 3, "rate": 1.0})}


def test_an_object_that_lacks_something_says_what():
    with pytest.raises(Invalid, match=r"^input 'x' \(Model\): depth is missing$"):
        read_options(['x={"rate": 1}'], variables(x=struct_type()), {})


def test_a_value_that_is_none_of_a_unions_variants_is_refused():
    union = Type(union_type=types_pb2.UnionType(variants=[INTEGER, simple(types_pb2.NONE)]))

    with pytest.raises(Invalid, match=r"'much' is none of int \| None"):
        read_options(["x=much"], variables(x=union), {})
