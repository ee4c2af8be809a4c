from __future__ import annotations

from typing import Any

import pytest

from runs.domain.inputs.digests import Simple
from runs.domain.values.grids import (
    INPUT,
    MAX_COLUMNS,
    OUTPUT,
    Line,
    Order,
    columns_of,
    constant,
    read_order,
    simple_outputs,
    sort_lines,
)
from runs.domain.values.parts import of_plain


def lines(*values: Any) -> list[Line]:
    """One for each value of the input x; what is ... has none."""
    return [Line(at, f"t{at}", {} if value is ... else {"x": value}) for at, value in enumerate(values)]


def sorted_values(order: str, *values: Any) -> list[Any]:
    return [line.value("in.x") for line in sort_lines(lines(*values), read_order(order))]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ((10, 9.5, 2), [2, 9.5, 10]),
        (("90s", "5s", "10.5s"), ["5s", "10.5s", "90s"]),
        (("b", "A", "10"), ["10", "A", "b"]),
        ((True, False), [False, True]),
        (("2026-02-01T00:00:00Z", "2025-12-31T00:00:00Z"), ["2025-12-31T00:00:00Z", "2026-02-01T00:00:00Z"]),
    ],
)
def test_numbers_are_sorted_as_numbers_and_all_else_as_texts(
    values: tuple[Simple, ...], wanted: list[Simple]
):
    assert sorted_values("in.x", *values) == wanted
    assert sorted_values("-in.x", *values) == wanted[::-1]


def test_what_has_no_value_comes_last_whichever_end_is_first():
    assert sorted_values("in.x", 2, ..., 1) == [1, 2, None]
    assert sorted_values("-in.x", 2, ..., 1) == [2, 1, None]


def test_equal_values_keep_the_order_of_the_calls():
    ordered = sort_lines(lines(1, 0, 1, 0), read_order("-in.x"))

    assert [line.id for line in ordered] == [0, 2, 1, 3]


def test_a_second_click_turns_the_order_round():
    assert Order().of("in.x") == "in.x"
    assert read_order("in.x").of("in.x") == "-in.x"
    assert read_order("-in.x").of("in.x") == "in.x"
    assert sort_lines(lines(2, 1), read_order("")) == lines(2, 1)


def test_outputs_are_simple_values_and_those_of_structures_one_step_down():
    parts = {
        "o0": of_plain({"loss": 0.5, "deep": {"x": 1}, "note": "n" * 100}),
        "o1": of_plain(7),
        "o2": of_plain([1]),
    }

    assert simple_outputs(parts) == {"o0.loss": 0.5, "o0.note": "n" * 47 + "…", "o1": 7}
    assert len(simple_outputs({"o0": of_plain({str(at): at for at in range(99)})})) == MAX_COLUMNS


def test_columns_are_those_that_any_line_has():
    some = [Line(1, "a", {"x": 1}, {"o0": 2}), Line(2, "b", {"y": 1, "x": 1})]

    assert columns_of(some, INPUT) == ["in.x", "in.y"]
    assert columns_of(some, OUTPUT) == ["out.o0"]
    assert constant(some, "in.x")
    assert not constant(some, "in.y")
    assert not constant(lines(1, True), "in.x")
