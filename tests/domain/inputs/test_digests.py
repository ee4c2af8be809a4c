"""The digest of inputs: what is in it, what is left out, and that a message carries it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flyteidl2.actions import actions_service_pb2
from flyteidl2.core import literals_pb2
from flyteidl2.task import common_pb2
from google.protobuf.struct_pb2 import Struct

from runs.domain.errors import Invalid
from runs.domain.inputs.digests import (
    MAX_BYTES,
    MAX_CHARACTERS,
    MAX_INPUTS,
    MAX_READ_BYTES,
    attach,
    attached,
    check_digest,
    digest_of,
    read_inputs_digest,
    show_digest,
)


def literal(value: Any) -> literals_pb2.Literal:
    """As the SDK makes it of a Python value."""
    made = literals_pb2.Literal()
    match value:
        case None:
            made.scalar.none_type.SetInParent()
        case bool():
            made.scalar.primitive.boolean = value
        case int():
            made.scalar.primitive.integer = value
        case float():
            made.scalar.primitive.float_value = value
        case str():
            made.scalar.primitive.string_value = value
        case datetime():
            made.scalar.primitive.datetime.FromDatetime(value)
        case timedelta():
            made.scalar.primitive.duration.FromTimedelta(value)
        case list():
            made.collection.literals.extend(map(literal, value))
        case _:
            made.CopyFrom(value)
    return made


def union(value: Any) -> literals_pb2.Literal:
    made = literals_pb2.Literal()
    made.scalar.union.value.CopyFrom(literal(value))
    return made


def inputs(**values: Any) -> common_pb2.Inputs:
    named = (common_pb2.NamedLiteral(name=name, value=literal(value)) for name, value in values.items())
    return common_pb2.Inputs(literals=list(named))


def test_simple_values_are_kept_in_their_order():
    began = datetime(2026, 11, 30, 12, tzinfo=UTC)
    given = inputs(
        number=17, lr=0.0031, warm=True, split="train", began=began, patience=timedelta(seconds=90), maybe=union(3),
        nothing=union(None),
    )  # fmt: skip

    assert json.loads(digest_of(given)) == {
        "number": 17, "lr": 0.0031, "warm": True, "split": "train", "began": "2026-11-30T12:00:00Z", "patience": "90s",
        "maybe": 3, "nothing": None,
    }  # fmt: skip
    assert list(json.loads(digest_of(given))) == [one.name for one in given.literals]


def test_lists_structures_and_files_are_left_out():
    blob, structure, packed = literals_pb2.Literal(), literals_pb2.Literal(), literals_pb2.Literal()
    blob.scalar.blob.uri = "file:///data.bin"
    structure.scalar.generic.CopyFrom(Struct())
    packed.scalar.binary.value = b"\x80"

    assert digest_of(inputs(items=[1, 2], blob=blob, structure=structure, packed=packed)) == ""
    assert digest_of(inputs(items=[1, 2], number=1)) == '{"number":1}'
    assert digest_of(inputs()) == ""


def test_a_number_that_json_does_not_have_is_a_text():
    assert json.loads(digest_of(inputs(a=float("nan"), b=float("-inf")))) == {"a": "nan", "b": "-inf"}


def test_long_texts_keep_both_ends():
    (kept,) = json.loads(
        digest_of(inputs(uri="s3://bucket/" + "x" * 100_000 + "/part-00017.parquet"))
    ).values()

    assert len(kept) == MAX_CHARACTERS
    assert kept.startswith("s3://bucket/xx")
    assert kept.endswith("/part-00017.parquet")


@pytest.mark.parametrize("value", ["ä" * 48, "\U0001f600" * 48, '"' * 48, "\x00" * 48, 2**62])
def test_it_is_never_longer_than_its_bound(value: Any):
    digest = digest_of(inputs(**{f"an_input_with_a_name_{n}": value for n in range(20)}))

    assert 0 < len(digest.encode()) <= MAX_BYTES
    assert len(json.loads(digest)) <= MAX_INPUTS
    assert check_digest(digest, "x") == digest


def test_what_does_not_fit_makes_way_for_what_does():
    assert json.loads(digest_of(inputs(**{"n" * 500: 1, "number": 17}))) == {"number": 17}


def mask(text: str) -> str:
    return text.replace("correct-horse-battery", "••••").replace("31415926", "••••")


def test_secrets_are_masked_before_a_text_is_cut():
    long = "x" * (MAX_CHARACTERS // 2 - 5) + "correct-horse-battery" + "y" * 100
    digest = digest_of(inputs(token="correct-horse-battery", pin=31415926, long=long, n=3), mask)

    assert json.loads(digest)["token"] == "••••"
    assert json.loads(digest)["pin"] == "••••"
    assert "correct" not in digest
    assert "horse" not in digest
    assert json.loads(digest)["n"] == 3


def test_inputs_that_are_too_long_or_none_have_no_digest():
    assert read_inputs_digest(inputs(number=17).SerializeToString()) == '{"number":17}'
    assert read_inputs_digest(inputs(text="x" * MAX_READ_BYTES).SerializeToString()) == ""
    assert read_inputs_digest(b"\xff\xff") == ""


def test_a_message_carries_it_through_the_messages_around_it():
    action = actions_service_pb2.Action(parent_action_name="a0", group="g")
    assert attached(action) == ""
    attach(action, '{"number":17,"name":"ä"}')

    sent = actions_service_pb2.EnqueueRequest(action=action).SerializeToString()
    received = actions_service_pb2.EnqueueRequest.FromString(sent).action

    assert attached(received) == '{"number":17,"name":"ä"}'
    assert received.group == "g"


@pytest.mark.parametrize(
    "digest",
    ["{", "[]", "{}", "17", '{"a":[1]}', '{"a":{}}', '{"a":NaN}', '{"a":"\\ud800"}', "{" + '"a":1,' * 100 + '"b":1}',
     json.dumps({str(n): n for n in range(MAX_INPUTS + 1)}), "[" * 390],
)  # fmt: skip
def test_what_is_no_digest_is_refused_by_name(digest: str):
    with pytest.raises(Invalid, match="the digest of the inputs of action 'x'"):
        check_digest(digest, "action 'x'")


@pytest.mark.parametrize(
    ("digest", "text"),
    [
        ('{"number":17,"lr":0.0031}', "number=17 lr=0.0031"),
        ('{"lr":0.0030999999999999995}', "lr=0.0031"),
        ('{"warm":true,"maybe":null}', "warm=True maybe=None"),
        ('{"title":"two words","none":""}', 'title="two words" none=""'),
        ('{"lines":"a\\nb","nul":"\\u0000"}', 'lines="a b" nul=�'),
        ("", ""),
    ],
)
def test_it_is_shown_as_python_writes_it(digest: str, text: str):
    assert show_digest(digest) == text
