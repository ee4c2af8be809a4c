"""The order in which F goes through failures, and which of them came first."""

from __future__ import annotations

import pytest

from runs.tree.causes import first_cause, next_failure
from runs.tree.layout import Order, Tree

#  1 ─ 2 ─ 5, 6
#    ─ 3 ─ 4
TREE = Tree([(1, None), (2, 1), (3, 1), (4, 3), (5, 2), (6, 2)])


@pytest.mark.parametrize(
    ("failed", "current", "back", "found"),
    [
        ({4, 6}, None, False, 6),
        ({4, 6}, 6, False, 4),
        ({4, 6}, 4, False, 6),  # round the end
        ({4, 6}, 5, False, 6),
        ({4, 6}, 3, True, 6),
        ({4, 6}, None, True, 4),
        ({4, 6}, 6, True, 4),  # round the top
        ({2, 6}, 2, False, 6),  # a child comes after its parent
        ({4}, 4, False, 4),
        (set(), 4, False, None),
    ],
)
def test_the_next_failure_is_that_of_the_next_row(failed, current, back, found):
    assert next_failure(TREE, failed, current, back=back) == found


def test_the_next_failure_is_that_of_the_next_row_of_sorted_ones():
    order = Order(TREE, descending=True)  # 1 3 4 2 6 5

    assert next_failure(TREE, {4, 5, 6}, None, back=False, order=order) == 4
    assert next_failure(TREE, {4, 5, 6}, 4, back=False, order=order) == 6
    assert next_failure(TREE, {4, 5, 6}, 6, back=True, order=order) == 4


def test_the_cause_is_the_first_that_failed_without_a_failure_below():
    below = {1: 2, 2: 1}

    assert first_cause([2, 6, 1, 4], {1, 2, 4, 6}, lambda node: below.get(node, 0)) == 6
    assert first_cause([], set(), lambda node: 0) is None
