"""A run folded into its tasks: where each stands, what else calls it, and that nothing is endless."""

from __future__ import annotations

import pytest

from runs.domain.phases import Kind, Phase
from runs.domain.tasks.graph import MAX_DEPTH, Calls, Key, TaskNode, fold


def key(name: str) -> Key:
    return Kind.TASK, name


def call(parent: str, child: str, number: int = 1, phase: Phase = Phase.SUCCEEDED, **times: int) -> Calls:
    return Calls(key(parent) if parent else None, key(child), child, phase, number, **times)


def drawn(*calls: Calls, most: int = 100) -> list[tuple[str, int]]:
    """Names and depths, as they are drawn."""
    return [(node.label, node.depth) for node in fold(calls, most)[0]]


def named(nodes: tuple[TaskNode, ...], name: str) -> TaskNode:
    return next(node for node in nodes if node.label == name)


def test_each_task_stands_once_below_the_one_that_calls_it_most():
    nodes, more = fold(
        [
            call("", "main"), call("main", "etl", 2), call("main", "train", 3), call("etl", "load", 1), call("train", "load", 9),
            call("train", "load", 1, Phase.FAILED, total_ms=50, longest_ms=50),
        ],
        100,
    )  # fmt: skip

    assert [(node.label, node.depth) for node in nodes] == [
        ("main", 0),
        ("train", 1),
        ("load", 2),
        ("etl", 1),
    ]
    load = named(nodes, "load")
    assert (load.number, load.calls, load.longest_ms, more) == (11, 10, 50, 0)
    assert [(one.label, one.number) for one in load.others] == [("etl", 1)]
    assert load.phases == {Phase.SUCCEEDED: 10, Phase.FAILED: 1}


@pytest.mark.parametrize(
    "calls",
    [
        [call("", "main"), call("main", "main", 5)],
        [call("", "main"), call("main", "other"), call("other", "main")],
        [call("", "main"), call("x", "y"), call("y", "x")],
    ],
)
def test_a_recursion_and_what_is_out_of_reach_are_drawn_once(calls: list[Calls]):
    names = [name for name, _ in drawn(*calls)]

    assert names[0] == "main"
    assert sorted(names) == sorted({one.label for one in calls})


def test_a_task_that_calls_itself_says_so():
    nodes, _ = fold([call("", "main"), call("main", "main", 5)], 100)

    assert [(one.label, one.number) for one in nodes[0].others] == [("main", 5)]


def test_the_lists_that_are_opened_are_closed():
    nodes, _ = fold([call("", "a"), call("a", "b"), call("b", "c"), call("a", "d"), call("d", "e")], 100)

    depth = 0
    for node in nodes:
        assert node.depth == depth
        depth += 1 if node.has_children else -node.closes
    assert depth == 0


def test_a_long_chain_stays_shallow_and_of_many_tasks_the_largest_are_drawn():
    chain = [call("", "n0"), *(call(f"n{at}", f"n{at + 1}") for at in range(200))]

    nodes, _ = fold(chain, 1000)
    assert max(node.depth for node in nodes) == MAX_DEPTH
    assert sum(node.has_children for node in nodes) == sum(node.closes for node in nodes) == MAX_DEPTH
    many = [call("", "main"), *(call("main", f"t{at}", at + 1) for at in range(50))]
    kept, more = fold(many, 3)
    assert ([node.label for node in kept], more) == (["main", "t49", "t48"], 48)
