"""Every string that a reader meets stands in one list, and obeys the terms: a new one is read there before it lands."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pytest

from tests.words.extraction import Words, all_words
from tests.words.terms import find_faults

LIST = Path(__file__).with_name("list.txt")


def current() -> str:
    """By files, each string after what it is."""
    parts = []
    for place, words in groupby(all_words(), lambda one: one.place):
        parts.append("\n".join([place, *(f"  {one.kind:<8}{one.text}" for one in words)]))
    return "\n\n".join(parts) + "\n"


def test_every_string_is_in_the_list():
    assert LIST.read_text() == current(), "read the new strings, then write them there: python -m tests.words"


def test_every_string_obeys_the_terms():
    faults = {f"{one.place}: {one.text}": found for one in all_words() if (found := find_faults(one))}

    assert faults == {}


@pytest.mark.parametrize(
    ("kind", "text", "fault"),
    [
        ("text", "7 asked.", "Aborting 7 actions"),
        ("button", "Abort All Of It", "capital letter in the middle: All, Of, It"),
        ("heading", "Recently stopped.", "no full stop"),
        ("column", "The time at which it was started", "32 characters"),
        ("text", "Loading...", "say …"),
    ],
)
def test_a_fault_is_found(kind: str, text: str, fault: str):
    assert fault in " ".join(find_faults(Words("here", kind, text)))


@pytest.mark.parametrize(
    ("file", "kind", "text"),
    [
        ("templates/runs/dialogs/_abort_popover.html", "button", "Abort"),
        ("static/js/dialogs/abort-popover.js", "text", "Counting what is below…"),
        ("runs/views/errors.py", "text", "The server could not make this. Its log says why."),
        ("runs/management/commands/demo.py", "text", "… is not between 2 and …"),
    ],
)
def test_strings_of_each_kind_of_file_are_found(file: str, kind: str, text: str):
    assert Words(file, kind, text) in all_words()
