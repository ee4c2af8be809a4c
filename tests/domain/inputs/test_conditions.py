"""What a filter says of inputs, and which actions it means."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from runs.domain.inputs.conditions import GROUP, TASK, Condition, exactly, read_search
from runs.domain.inputs.digests import Simple

INPUTS: Mapping[str, Simple] = {
    "number": 17, "lr": 0.0030999999999999995, "warm": True, "split": "train", "title": "two  words", "version": "1e3",
    "began": "2026-11-30T12:00:00Z", "patience": "90s", "none": None, "big": "inf",
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "number=17", "number=17.0", "number!=18", "number<18", "number<=17", "number>16.5", "number>=17", "number>1e1",
        "lr=0.0031", "lr=0.0030999999999999995", "lr<0.01", "lr>=0.003", "warm=True", "warm=true", "warm!=false",
        "split=train", 'split="train"', "split!=test", 'title="two words"', 'title="two  words"', "version=1e3",
        "began>=2026-11-30", "began<2026-12-01", "began=2026-11-30T12:00:00Z", "began>2026-11-30T11:59:00+00:00",
        "patience=90s", "patience>60", "patience<=90s", "none=None", "none=none", "big>1e300",
        "number=17 lr<0.01", "number>16 number<18",
    ],
)  # fmt: skip
def test_what_holds_is_found(text: str):
    wanted = read_search(text)

    assert wanted.conditions
    assert not wanted.words
    assert wanted.matches(INPUTS)


@pytest.mark.parametrize(
    "text",
    [
        "number=1", "number=170", "number<17", "number>17", "number!=17", "lr>0.01", "warm=1", "warm>0", "split=trai",
        "split=TRAIN", "split<z", "version=1000", "began<2026-11-30", "began>soon", "patience<60", "none=0", "none<1",
        "absent=1", "absent!=1", "number=17 lr>0.01", "number>seventeen", "number=nan", "number<nan",
    ],
)  # fmt: skip
def test_what_does_not_hold_is_not(text: str):
    wanted = read_search(text)

    assert wanted.conditions
    assert not wanted.matches(INPUTS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "train",
        "lr<",
        "<0.001",
        "=",
        "lr=<3",
        "lr==3",
        "17=17",
        "a.b=3",
        'lr="3',
        '"lr=3"',
        "lr = 3",
        'x="a"b',
        "{}",
    ],
)
def test_what_is_no_comparison_is_text(text: str):
    assert read_search(text).conditions == ()
    assert read_search(text).words == text


def test_words_and_comparisons_go_together():
    wanted = read_search('train  lr<0.001 "two words" title="a b"')

    assert wanted.words == 'train "two words"'
    assert wanted.conditions == (Condition("lr", "<", "0.001"), Condition("title", "=", "a b"))


OWN = {TASK: "env.train", GROUP: "round 3"}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("task=env.train", True), ("task=env.train_all", False), ("task=train", False), ("task!=env.train", False),
        ("task!=env.noise", True), ('group="round 3"', True), ("group=round", False), ("task=env.train lr<1", True),
        ("task=env.train lr>1", False), ("task>a", False),
    ],
)  # fmt: skip
def test_a_task_and_a_group_are_compared_exactly(text: str, holds: bool):
    assert read_search(text).matches(INPUTS, OWN) is holds


def test_an_input_may_be_called_task():
    wanted = read_search("task=segment")

    assert wanted.matches({"task": "segment"}, OWN)
    assert not wanted.matches({"task": "classify"}, OWN)
    assert not read_search("task!=segment").matches({"task": "segment"}, OWN)


@pytest.mark.parametrize("value", ["env.train", "two words", "<lambda>", "a=b", "ünï"])
def test_what_is_exactly_so_is_written_as_it_is_read(value: str):
    assert read_search(exactly(TASK, value)).conditions == (Condition(TASK, "=", value),)


def test_what_cannot_be_quoted_is_found_by_its_words():
    assert exactly(GROUP, 'a "b" c') == 'a "b" c'
