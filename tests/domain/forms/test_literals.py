"""What stands in a field makes the literal that it came from, of every type that has a field of its own."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flyteidl2.core import literals_pb2, types_pb2
from flyteidl2.core.literals_pb2 import Literal
from flyteidl2.core.types_pb2 import LiteralType as Type
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from runs.domain.errors import Invalid
from runs.domain.forms.literals import Chosen, literal_of, plain_of
from runs.domain.forms.plain import read, read_duration, show, show_duration
from runs.domain.forms.shapes import Kind, shape_of

MAX_SECONDS = 315_576_000_000

texts = st.text(st.characters(exclude_categories=["Cs"]))
integers = st.integers(-(2**63), 2**63 - 1)
times = st.builds(
    Timestamp, seconds=st.integers(-62_135_596_800, 253_402_300_799), nanos=st.integers(0, 10**9 - 1)
)


@st.composite
def durations(draw: st.DrawFn) -> Duration:
    sign = draw(st.sampled_from([1, -1]))
    return Duration(
        seconds=sign * draw(st.integers(0, MAX_SECONDS - 1)), nanos=sign * draw(st.integers(0, 10**9 - 1))
    )


def primitive(**value: Any) -> Literal:
    return Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(**value)))


def simple(kind: Any) -> Type:
    return Type(simple=kind)


PRIMITIVES = {
    types_pb2.STRING: st.builds(lambda one: primitive(string_value=one), texts),
    types_pb2.INTEGER: st.builds(lambda one: primitive(integer=one), integers),
    types_pb2.FLOAT: st.builds(lambda one: primitive(float_value=one), st.floats(allow_nan=False)),
    types_pb2.BOOLEAN: st.builds(lambda one: primitive(boolean=one), st.booleans()),
    types_pb2.DATETIME: st.builds(lambda one: primitive(datetime=one), times),
    types_pb2.DURATION: st.builds(lambda one: primitive(duration=one), durations()),
}
NONE = Literal(scalar=literals_pb2.Scalar(none_type=literals_pb2.Void()))


@st.composite
def simple_values(draw: st.DrawFn) -> tuple[Type, Literal]:
    kind = draw(st.sampled_from(sorted(PRIMITIVES)))
    return simple(kind), draw(PRIMITIVES[kind])


@st.composite
def values(draw: st.DrawFn) -> tuple[Type, Literal]:
    """A simple value, a list or a map of such, or one that may be None."""
    kind = draw(st.sampled_from(sorted(PRIMITIVES)))
    one, each = simple(kind), PRIMITIVES[kind]
    match draw(st.sampled_from(["simple", "list", "map", "optional", "enum", "file"])):
        case "list":
            items = literals_pb2.LiteralCollection(literals=draw(st.lists(each, max_size=4)))
            return Type(collection_type=one), Literal(collection=items)
        case "map":
            named = draw(st.dictionaries(texts, each, max_size=4))
            return Type(map_value_type=one), Literal(map=literals_pb2.LiteralMap(literals=named))
        case "optional":
            variants = [one, simple(types_pb2.NONE)]
            at = draw(st.integers(0, 1))
            union = literals_pb2.Union(value=NONE if at else draw(each), type=variants[at])
            of_type = Type(union_type=types_pb2.UnionType(variants=variants))
            return of_type, Literal(scalar=literals_pb2.Scalar(union=union))
        case "enum":
            choices = draw(st.lists(texts, min_size=1, max_size=3, unique=True))
            of_type = Type(enum_type=types_pb2.EnumType(values=choices))
            return of_type, primitive(string_value=draw(st.sampled_from(choices)))
        case "file":
            blob = literals_pb2.Blob(uri=f"s3://bucket/{draw(st.integers())}")
            blob.metadata.type.format = "csv"
            of_type = Type(blob=types_pb2.BlobType(format="csv"))
            return of_type, Literal(scalar=literals_pb2.Scalar(blob=blob))
    return one, draw(each)


def again(of_type: Type, literal: Literal) -> Literal:
    """Literal, text of the field, literal."""
    shape, plain = shape_of(of_type), plain_of(literal, of_type)
    if isinstance(plain, Chosen):
        variant = shape.variants[plain.index]
        return literal_of(Chosen(plain.index, read(show(plain.value, variant), variant)), of_type)
    return literal_of(read(show(plain, shape), shape), of_type)


@given(simple_values())
def test_a_simple_value_is_what_its_text_makes(pair: tuple[Type, Literal]):
    of_type, literal = pair

    assert again(of_type, literal) == literal


@given(values())
def test_a_value_is_what_its_text_makes(pair: tuple[Type, Literal]):
    of_type, literal = pair
    if shape_of(of_type).kind is Kind.CHOICE:  # a select sends a choice as it is, with its spaces
        assert literal_of(plain_of(literal, of_type), of_type) == literal
    else:
        assert again(of_type, literal) == literal


@given(durations())
def test_a_duration_is_written_as_people_do_and_read_again(duration: Duration):
    assert read_duration(show_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h 30m", 5400),
        ("90m", 5400),
        ("1.5s", 1.5),
        ("250ms", 0.25),
        ("-2d", -172_800),
        ("0s", 0),
        ("1h30m", 5400),
    ],
)
def test_durations_as_people_type_them(text: str, seconds: float):
    assert read_duration(text).ToTimedelta() == timedelta(seconds=seconds)


def test_a_time_without_a_zone_is_utc_and_one_with_a_zone_is_kept():
    of_type = simple(types_pb2.DATETIME)

    here = literal_of(read("2026-01-31 10:00", shape_of(of_type)), of_type)
    there = literal_of(read("2026-01-31T12:00:00+02:00", shape_of(of_type)), of_type)

    at = datetime(2026, 1, 31, 10, tzinfo=UTC)
    assert here.scalar.primitive.datetime.ToDatetime(tzinfo=UTC) == at
    assert there == here


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        (types_pb2.INTEGER, "1.5", "must be an integer"),
        (types_pb2.INTEGER, str(2**63), "does not fit into 64 bits"),
        (types_pb2.INTEGER, "9" * 500, "must be an integer"),
        (types_pb2.FLOAT, "much", "must be a number"),
        (types_pb2.BOOLEAN, "maybe", "must be true or false"),
        (types_pb2.DATETIME, "tomorrow", "must be a time, such as"),
        (types_pb2.DURATION, "5 apples", "must be a duration, such as"),
        (types_pb2.DURATION, "9999999999999d", "longer than 10,000 years"),
        (types_pb2.STRUCT, "{", "not JSON"),
        (types_pb2.STRUCT, '"\\ud800"', "half of a surrogate pair"),
        (types_pb2.STRUCT, "[" * 100_000, "nested too deep"),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(kind: int, text: str, words: str):
    with pytest.raises(Invalid, match=words):
        read(text, shape_of(simple(kind)))


def test_a_wrong_item_is_named_by_its_place():
    numbers = Type(collection_type=Type(map_value_type=simple(types_pb2.INTEGER)))

    with pytest.raises(Invalid, match=r'^\[1\]\.b must be an integer, not "x"$'):
        read('[{"a": 1}, {"a": 2, "b": "x"}]', shape_of(numbers))


def test_what_is_no_number_stays_none():
    of_type = simple(types_pb2.FLOAT)

    made = again(of_type, primitive(float_value=math.nan))

    assert math.isnan(made.scalar.primitive.float_value)


def test_a_file_in_place_of_another_keeps_what_is_known_of_it():
    of_type = Type(blob=types_pb2.BlobType())
    before = Literal()
    before.scalar.blob.uri, before.scalar.blob.metadata.type.format = "s3://a", "csv"

    made = literal_of("s3://b", of_type, before)

    assert (made.scalar.blob.uri, made.scalar.blob.metadata.type.format) == ("s3://b", "csv")


def test_what_has_no_form_is_its_message():
    of_type = simple(types_pb2.BINARY)
    literal = Literal(scalar=literals_pb2.Scalar(binary=literals_pb2.Binary(value=b"\x80", tag="pickle")))

    assert shape_of(of_type).kind is Kind.MESSAGE
    assert again(of_type, literal) == literal
    with pytest.raises(Invalid, match=r"not a flyteidl2\.core\.Literal"):
        literal_of({"no": "such"}, of_type)
