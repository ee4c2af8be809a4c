"""Text within a number of bytes, and such as can be stored."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.domain.texts import clean, shorten

NOTE = re.compile(r"\n\[flyteui: ([\d,]+) of ([\d,]+) bytes are left out here\]\n")


@given(st.text(), st.integers(200, 1000))
def test_text_within_the_bound_stays_as_it_is(text: str, bound: int):
    text = clean(text)
    assert (shorten(text, bound) == text) == (len(text.encode()) <= bound)


@given(st.text(min_size=60), st.integers(100, 200))
def test_of_longer_text_the_first_and_last_part_stay_and_the_note_counts_the_rest(text: str, bound: int):
    whole = clean(text) * 5
    short = shorten(whole, bound)

    assert len(short.encode()) <= bound
    if short != whole:
        (note,) = NOTE.finditer(short)
        head, tail = short[: note.start()], short[note.end() :]
        left_out, size = (int(number.replace(",", "")) for number in note.groups())
        assert whole.startswith(head)
        assert whole.endswith(tail)
        assert size == len(whole.encode())
        # What a cut through a character costs is not counted: three bytes at most on either side.
        assert 0 <= size - left_out - len((head + tail).encode()) <= 6


@pytest.mark.parametrize(
    ("text", "stored"), [("as it is ✓", "as it is ✓"), ("half \ud800", "half ?"), ("a\0b", "a�b")]
)
def test_what_cannot_be_stored_is_replaced(text: str, stored: str):
    assert clean(text) == stored
