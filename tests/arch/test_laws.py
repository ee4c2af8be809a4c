"""Each law of abort (docs/explanation/abort.md) is a named test: `pytest -k law_6` proves the sixth."""

from __future__ import annotations

import re

import pytest

from tests.arch.sources import ROOT

LAWS = range(1, 15)
NAMED = re.compile(r"^(?:async )?def test_law_(\d+)_\w+\(", re.MULTILINE)


def laws_named_in(source: str) -> set[int]:
    return {int(number) for number in NAMED.findall(source)}


def test_every_law_has_a_test_that_bears_its_number() -> None:
    named: set[int] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        named |= laws_named_in(path.read_text("utf-8"))

    assert named == set(LAWS)


@pytest.mark.parametrize(("source", "laws"), [("def test_law_3_x():", {3}), ("def test_the_law_3():", set())])
def test_only_a_number_in_the_right_place_counts(source: str, laws: set[int]) -> None:
    assert laws_named_in(source) == laws


def test_the_page_for_users_states_every_law() -> None:
    page = (ROOT / "docs" / "explanation" / "abort.md").read_text("utf-8")
    _, _, laws = page.partition("## The laws\n")

    assert [int(number) for number in re.findall(r"^(\d+)\. ", laws, re.MULTILINE)] == list(LAWS)
