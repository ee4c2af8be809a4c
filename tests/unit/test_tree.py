from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runs import tree
from runs.tree import MAX_WINDOW, WHOLE_UP_TO, Place, Tree


def make_tree(*parents: int | None) -> Tree:
    """Node n (from 1) has the n-th parent."""
    made = Tree()
    for node, parent in enumerate(parents, start=1):
        made.add(node, parent)
    return made


def test_rows_come_in_order_of_creation_below_their_parent():
    places = make_tree(None, 1, 1, 2).flatten()

    assert [place.id for place in places] == [1, 2, 4, 3]
    assert places[2] == Place(id=4, index=3, level=3, position=1, set_size=1, is_expanded=None)
    assert places[3] == Place(id=3, index=4, level=2, position=2, set_size=2, is_expanded=None)


def test_a_collapsed_branch_hides_what_is_below_it():
    places = make_tree(None, 1, 2).flatten({2})

    assert [(place.id, place.is_expanded) for place in places] == [(1, True), (2, False)]


def test_a_node_is_added_once():
    one = Tree()

    assert one.add(1, None)
    assert not one.add(1, None)
    assert len(one) == 1


def test_a_late_child_with_a_lower_id_takes_its_place():
    late = Tree()
    for node, parent in ((1, None), (5, 1), (3, 1)):
        late.add(node, parent)

    assert [place.id for place in late.flatten()] == [1, 3, 5]
    assert list(late.ancestors(3)) == [1]


@given(st.lists(st.integers(min_value=0), max_size=60))
def test_levels_and_positions_are_those_of_the_tree(choices: list[int]):
    grown = make_tree(None, *(1 + choice % (at + 1) for at, choice in enumerate(choices)))

    places = grown.flatten()

    levels: dict[int, int] = {}
    for row, place in enumerate(places, start=1):
        assert place.index == row
        assert place.level == len(list(grown.ancestors(place.id))) + 1
        assert 1 <= place.position <= place.set_size
        levels[place.id] = place.level
    assert len(levels) == len(grown)
    assert set(grown.descendants(1)) == set(levels) - {1}


def test_a_short_tree_is_sent_whole_whatever_is_asked_for():
    assert tree.window(WHOLE_UP_TO, 100, 10) == (0, WHOLE_UP_TO)


@given(st.integers(0, 10**6), st.integers(-5, 10**6), st.integers(-5, 10**6))
def test_a_window_is_inside_the_tree_and_never_too_long(total: int, first: int, count: int):
    start, stop = tree.window(total, first, count)

    assert 0 <= start <= stop <= total
    assert stop - start <= max(WHOLE_UP_TO, MAX_WINDOW)
