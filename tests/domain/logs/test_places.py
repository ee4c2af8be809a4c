"""The place of a line, as it stands in addresses."""

from __future__ import annotations

import pytest

from runs.domain.errors import Invalid
from runs.domain.logs.places import LinePlace, read_place


def test_a_place_is_read_as_it_is_written():
    assert read_place(str(LinePlace(812, 14))) == LinePlace(812, 14)
    assert read_place("0.0") == LinePlace(0, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "1",
        "1.",
        ".1",
        "1.2.3",
        "-1.0",
        "01.0",
        "1.01",
        "1,0",
        "1.0\n",
        "١.0",
        "9" * 16 + ".0",
        "1." + "9" * 8,
    ],
)
def test_what_is_no_place_is_refused(text: str):
    with pytest.raises(Invalid, match="place of a line"):
        read_place(text)
