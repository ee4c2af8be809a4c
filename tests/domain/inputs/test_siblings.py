"""Which inputs tell children apart, as their parent keeps it."""

from __future__ import annotations

import json

from runs.domain.inputs.siblings import MAX_SHOWN, MAX_TASKS, tell_apart, with_child

A = '{"number":1,"lr":0.1,"split":"train"}'
B = '{"number":2,"lr":0.1,"split":"train"}'
C = '{"number":2,"lr":0.2,"split":"train"}'


def kept(*digests: str, task: str = "env.trial", text: str = "") -> str:
    for digest in digests:
        text = with_child(text, task, digest)
    return text


def test_one_call_differs_from_nothing():
    assert tell_apart(kept(A), "env.trial", A) == ""
    assert kept(A, A, A) == kept(A)
    assert tell_apart(kept(A, A), "env.trial", A) == ""


def test_what_differs_is_shown_and_the_rest_is_not():
    assert tell_apart(kept(A, B), "env.trial", A) == "number=1"
    assert tell_apart(kept(A, B, C), "env.trial", A) == "number=1 lr=0.1"
    assert tell_apart(kept(A, B, C), "env.trial", C) == "number=2 lr=0.2"


def test_it_is_the_same_whatever_the_order():
    for digests in ([A, B, C], [C, B, A], [B, C, A, B]):
        assert tell_apart(kept(*digests), "env.trial", B) == "number=2 lr=0.1"


def test_an_input_that_only_some_have_differs():
    with_more = '{"number":1,"lr":0.1,"split":"train","seed":7}'

    assert tell_apart(kept(A, with_more), "env.trial", with_more) == "seed=7"
    assert tell_apart(kept(with_more, A), "env.trial", with_more) == "seed=7"
    assert tell_apart(kept(with_more, A), "env.trial", A) == ""


def test_true_is_not_one():
    assert tell_apart(kept('{"a":1}', '{"a":true}'), "env.trial", '{"a":true}') == "a=True"
    assert tell_apart(kept('{"a":1}', '{"a":1.0}'), "env.trial", '{"a":1.0}') == "a=1.0"


def test_each_task_is_apart_for_itself():
    text = kept(B, task="env.score", text=kept(A))

    assert tell_apart(text, "env.trial", A) == ""
    assert tell_apart(text, "env.score", B) == ""


def test_children_without_simple_inputs_change_nothing():
    assert kept("") == ""
    assert kept("", text=kept(A, B)) == kept(A, B)
    assert tell_apart(kept(A, B), "env.trial", "") == ""


def test_of_more_tasks_than_are_kept_all_inputs_are_shown():
    text = ""
    for number in range(MAX_TASKS + 5):
        text = kept(A, B, task=f"env.task_{number}", text=text)

    assert tell_apart(text, "env.task_0", A) == "number=1"
    assert tell_apart(text, f"env.task_{MAX_TASKS}", A) == "number=1 lr=0.1 split=train"


def test_a_row_has_room_for_so_much():
    long = [json.dumps({"a": one * 48, "b": one * 48, "c": 1}) for one in "xyz"]

    shown = tell_apart(kept(*long), "env.trial", long[0])

    assert len(shown) == MAX_SHOWN
    assert shown.endswith("…")
