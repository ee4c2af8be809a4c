"""Scripts of demonstrations: pure, and the same for the same seed."""

from __future__ import annotations

import pytest

from runs.demo import scripts
from runs.domain.names import ROOT, check_action_name


def test_the_same_seed_writes_the_same_scripts_and_another_one_others():
    widths = scripts.widths_for(200)

    assert scripts.write_scripts(widths, seed=1) == scripts.write_scripts(widths, seed=1)
    assert scripts.write_scripts(widths, seed=1) != scripts.write_scripts(widths, seed=2)


@pytest.mark.parametrize("shape", ["1", "7", "30x10x4", "2x2x2x2x2"])
def test_a_shape_has_as_many_children_on_each_level_as_it_says(shape):
    widths = scripts.parse_shape(shape)

    made = scripts.write_scripts(widths)

    assert len(made) == scripts.count(widths)
    assert len(made[ROOT].children) == widths[0]
    for script in made.values():
        check_action_name(script.name)
        assert all(made[child].parent == script.name for child in script.children)


@pytest.mark.parametrize("shape", ["", "x", "3x", "0", "3x0", "-1", "a", "1000x1000"])
def test_a_shape_that_cannot_be_is_refused_with_its_text(shape):
    with pytest.raises(ValueError, match=f"the shape '{shape}'"):
        scripts.parse_shape(shape)


def test_the_number_of_actions_is_about_what_was_asked_for():
    for wanted in (2, 100, 1000, 100_000):
        made = scripts.count(scripts.widths_for(wanted))

        assert abs(made - wanted) <= scripts.CHILDREN + 1


@pytest.mark.parametrize(("shape", "asked"), [("3x4", ["m0.t3"]), ("7", ["m6"]), ("3x1", []), ("1", [])])
def test_the_last_leaf_of_the_first_branch_with_others_is_a_question(shape, asked):
    made = scripts.write_scripts(scripts.parse_shape(shape), seed=4)

    questions = [script for script in made.values() if script.prompt]
    assert [script.name for script in questions] == asked
    assert all(script.attempts == () for script in questions)
