"""Environment variables and labels as lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.domain.errors import Invalid
from runs.domain.forms.pairs import read_pairs, show_pairs

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_./-]*\Z", fullmatch=True)


@given(st.dictionaries(names, st.text(st.characters(exclude_categories=["Cs"]))))
def test_pairs_are_what_their_lines_make(pairs: dict[str, str]):
    shown = show_pairs(pairs)

    assert read_pairs(shown, "variable") == pairs
    assert read_pairs(shown.replace("\n", "\r\n"), "variable") == pairs


def test_lines_as_people_type_them():
    assert read_pairs("  A = 1 \n\nB=x=y\nC=\n", "variable") == {"A": "1", "B": "x=y", "C": ""}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A", "'A' is no label: write NAME=value"),
        ("=1", "write NAME=value"),
        ("A=1\nA=2", "the label 'A' is there twice"),
        ('A="x', "begins like a quoted text"),
    ],
)
def test_a_line_that_is_no_pair_is_named(text: str, words: str):
    with pytest.raises(Invalid, match=words):
        read_pairs(text, "label")
