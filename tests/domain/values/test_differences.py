from __future__ import annotations

import pytest

from runs.domain.errors import Invalid
from runs.domain.names import ActionRef, RunRef
from runs.domain.values import differences as module
from runs.domain.values.compared import compare_path, read_compared, write_compared
from runs.domain.values.differences import (
    Leaf,
    compare_files,
    differences,
    first_leaves,
    hunks_of,
    leaves_of,
    plain_leaves,
    text_of,
)
from runs.domain.values.parts import of_plain

HERE = RunRef("flytesnacks", "development", "run1")


def test_leaves_have_names_as_python_writes_places():
    parts = {"config": of_plain({"lr": 0.5, "layers": [{"width": 8}], "empty": []})}

    assert {name: text_of(part) for name, part in leaves_of(parts)} == {
        "config.lr": "0.5", "config.layers[0].width": "8", "config.empty": "[]",
    }  # fmt: skip


def test_no_more_leaves_than_can_be_compared(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_LEAVES", 3)

    found, is_cut = first_leaves({"x": of_plain([1, 2, 3, 4])})

    assert (list(found), is_cut) == (["x[0]", "x[1]", "x[2]"], True)


def test_what_differs_is_apart_from_what_is_equal():
    found = differences(
        plain_leaves({"a": "1", "b": "2", "c": "3"}), plain_leaves({"b": "2", "a": "9", "d": "4"})
    )

    assert [(pair.name, pair.a, pair.b) for pair in found.pairs] == [
        ("a", "1", "9"),
        ("c", "3", None),
        ("d", None, "4"),
    ]
    assert [pair.name for pair in found.same] == ["b"]


def test_what_is_compared_may_be_more_than_what_is_shown():
    found = differences({"f": Leaf("10 abc", "x.txt, 10 B")}, {"f": Leaf("10 def", "x.txt, 10 B")})

    assert found.count == 1


def test_files_are_compared_line_by_line():
    before, after = "a\nb\nc\n", "a\nB\nc\nd\n"

    (one, gone, new, binary) = compare_files(
        {"same.py": "x", "m.py": before, "old.py": "x", "z.bin": None}, {"same.py": "x", "m.py": after, "new.py": "y", "z.bin": "t"}
    )  # fmt: skip

    assert [(change.kind, list(change.a), list(change.b)) for change in one.hunks[0]] == [
        ("equal", [0], [0]), ("delete", [1], []), ("insert", [], [1]), ("equal", [2], [2]), ("insert", [], [3]),
    ]  # fmt: skip
    assert [(file.name, file.note) for file in (gone, new, binary)] == [
        ("new.py", "Only in B"), ("old.py", "Only in A"), ("z.bin", "One of them is no text"),
    ]  # fmt: skip


def test_lines_that_are_far_apart_are_in_hunks_of_their_own():
    a = [str(at) for at in range(100)]
    b = ["new", *a[1:90], "other", *a[91:]]

    assert len(hunks_of(a, b)) == 2
    assert hunks_of(["x"] * (module.MAX_LINES + 1), ["x"]) == ()


@pytest.mark.parametrize(
    ("text", "run", "action"),
    [
        ("run2", "run2", "a0"),
        ("run2/a0-1", "run2", "a0-1"),
        ("flytesnacks/development/run2", "run2", "a0"),
        ("flytesnacks/development/run2/a0-1", "run2", "a0-1"),
        ("http://localhost:8000/v2/domain/development/project/flytesnacks/runs/run2", "run2", "a0"),
        (
            " https://x/v2/domain/development/project/flytesnacks/runs/run2?action=a0-1&tab=logs ",
            "run2",
            "a0-1",
        ),
        ("/v2/domain/development/project/flytesnacks/runs/run2/actions/x/values/inputs/n", "run2", "x"),
    ],
)
def test_a_run_or_an_action_is_named_in_several_ways(text: str, run: str, action: str):
    assert read_compared(text, HERE) == ActionRef(RunRef("flytesnacks", "development", run), action)


@pytest.mark.parametrize("text", ["", "a/b/c/d/e", "what is this", "x" * 3000])
def test_what_names_no_run_is_said(text: str):
    with pytest.raises(Invalid):
        read_compared(text, HERE)
    with pytest.raises(Invalid):
        read_compared("run2")


def test_an_address_is_read_as_it_was_written():
    ref = ActionRef(HERE, "a0-1")

    assert read_compared(write_compared(ref)) == ref
    assert compare_path(ActionRef(HERE, "a0"), ref) == (
        "/compare/?a=flytesnacks/development/run1&b=flytesnacks/development/run1/a0-1"
    )
