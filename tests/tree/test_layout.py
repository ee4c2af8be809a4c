from __future__ import annotations

from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from runs.protocol.constants import WINDOW_ROWS
from runs.tree.layout import WHOLE_UP_TO, Layout, Order, Place, Tree, window


def make_tree(*parents: int | None) -> Tree:
    """Node n (from 1) has the n-th parent."""
    made = Tree()
    for node, parent in enumerate(parents, start=1):
        made.add(node, parent)
    return made


def grown_from(choices: list[int]) -> Tree:
    """A tree with one root, in which each further node hangs below an older one."""
    return make_tree(None, *(1 + choice % (at + 1) for at, choice in enumerate(choices)))


def laid_out(grown: Tree, collapsed: Collection[int] = (), order: Order | None = None) -> list[Place]:
    """All rows, by walking the whole tree: slow, and plainly right."""
    places: list[Place] = []
    children_of = order.children if order else grown.children

    def walk(siblings: list[int], level: int) -> None:
        for at, node in enumerate(siblings, start=1):
            children = children_of(node)
            is_expanded = node not in collapsed if children else None
            places.append(Place(node, len(places) + 1, level, at, len(siblings), is_expanded))
            if is_expanded:
                walk(children, level + 1)

    walk(grown.children(None), 1)
    return places


shapes = st.lists(st.integers(min_value=0), max_size=60)
closed = st.sets(st.integers(1, 61))


def test_rows_come_in_order_of_creation_below_their_parent():
    places = Layout(make_tree(None, 1, 1, 2)).window(0, 10)

    assert [place.id for place in places] == [1, 2, 4, 3]
    assert places[2] == Place(id=4, index=3, level=3, position=1, set_size=1, is_expanded=None)
    assert places[3] == Place(id=3, index=4, level=2, position=2, set_size=2, is_expanded=None)


def test_a_collapsed_branch_hides_what_is_below_it():
    layout = Layout(make_tree(None, 1, 2), {2})

    assert [(place.id, place.is_expanded) for place in layout.window(0, 10)] == [(1, True), (2, False)]
    assert len(layout) == 2


def test_a_tree_without_nodes_has_no_rows():
    layout = Layout(Tree())

    assert len(layout) == 0
    assert layout.window(0, 10) == []


def test_a_node_is_added_once():
    one = Tree()

    assert one.add(1, None)
    assert not one.add(1, None)
    assert len(one) == 1
    assert one.structure == 1


def test_a_late_child_with_a_lower_id_takes_its_place():
    late = Tree([(1, None), (5, 1)])
    late.add(3, 1)

    assert [place.id for place in Layout(late).window(0, 10)] == [1, 3, 5]
    assert list(late.ancestors(3)) == [1]


@given(shapes, closed, st.integers(0, 61), st.integers(0, 61))
def test_any_window_is_cut_out_of_the_whole(choices: list[int], collapsed: set[int], start: int, count: int):
    grown = grown_from(choices)
    whole = laid_out(grown, collapsed)

    layout = Layout(grown, collapsed)

    assert len(layout) == len(whole)
    assert layout.window(start, start + count) == whole[start : start + count]


@given(shapes, closed)
def test_the_index_of_a_node_is_that_of_its_row_or_of_the_branch_that_hides_it(
    choices: list[int], collapsed: set[int]
):
    grown = grown_from(choices)
    rows = {place.id: place.index - 1 for place in laid_out(grown, collapsed)}
    layout = Layout(grown, collapsed)

    for node in range(1, len(grown) + 1):
        shown = next(one for one in (node, *grown.ancestors(node)) if one in rows)
        assert layout.index_of(node) == rows[shown]


@given(
    shapes, closed, st.dictionaries(st.integers(1, 61), st.integers(0, 5)), st.booleans(), st.integers(0, 61)
)
def test_siblings_come_in_the_order_of_their_keys_and_those_without_one_at_the_end(
    choices: list[int], collapsed: set[int], keys: dict[int, int], descending: bool, start: int
):
    grown = grown_from(choices)
    order = Order(grown, keys, descending=descending)
    rows = laid_out(grown, collapsed, order)
    layout = Layout(grown, collapsed, Order(grown, keys, descending=descending))

    assert layout.window(start, 100) == rows[start:]
    for place in rows:
        assert layout.index_of(place.id) == place.index - 1
    for node in range(1, len(grown) + 1):
        siblings = order.children(node)
        assert sorted(siblings) == grown.children(node)
        having = [keys[one] for one in siblings if one in keys]
        assert having == sorted(having, reverse=descending)
        assert [one for one in siblings if one not in keys] == sorted(set(siblings) - keys.keys())
        assert siblings[: len(having)] == [one for one in siblings if one in keys]


def test_without_keys_the_newest_of_siblings_may_come_first():
    newest_first = Order(make_tree(None, 1, 1, 2), descending=True)

    assert [place.id for place in Layout(make_tree(None, 1, 1, 2), order=newest_first).window(0, 9)] == [
        1,
        3,
        2,
        4,
    ]


@given(shapes)
def test_a_tree_that_was_read_at_once_is_the_one_that_grew(choices: list[int]):
    grown = grown_from(choices)

    read = Tree((node, grown.parent(node)) for node in range(1, len(grown) + 1))

    assert laid_out(read) == laid_out(grown)
    for node in range(1, len(grown) + 1):
        assert read.count_below(node) == grown.count_below(node) == len(list(grown.descendants(node)))


@given(shapes, st.sets(st.integers(1, 61), min_size=1))
def test_a_kept_tree_has_the_nodes_and_what_is_above_them_and_nothing_else(
    choices: list[int], some: set[int]
):
    grown = grown_from(choices)
    some = {node for node in some if node in grown}

    kept = grown.kept(some)

    wanted = some.union(*(grown.ancestors(node) for node in some))
    assert {place.id for place in laid_out(kept)} == wanted


@given(shapes, st.integers(1, 6))
def test_only_so_many_levels_are_open(choices: list[int], depth: int):
    grown = grown_from(choices)

    rows = Layout(grown, grown.below_level(depth)).window(0, 100)

    assert rows == laid_out(grown, grown.below_level(depth))
    assert {place.id for place in rows} == {place.id for place in laid_out(grown) if place.level <= depth}


def test_a_short_tree_is_sent_whole_whatever_is_asked_for():
    assert window(WHOLE_UP_TO, 100, 10) == (0, WHOLE_UP_TO)


@given(st.integers(0, 10**6), st.integers(-5, 10**6), st.integers(-5, 10**6))
def test_a_window_is_inside_the_tree_and_never_too_long(total: int, first: int, count: int):
    start, stop = window(total, first, count)

    assert 0 <= start <= stop <= total
    assert stop - start <= max(WHOLE_UP_TO, WINDOW_ROWS)
