from __future__ import annotations

from itertools import product

import pytest

from runs.domain.roles import Role, Subject, Way, has_role, projects_with, read_role


def subject(**fields) -> Subject:
    return Subject(**({"id": "ada", "name": "Ada", "way": Way.PAGE} | fields))


@pytest.mark.parametrize(("held", "wanted"), list(product(Role, Role)))
def test_a_role_may_do_what_each_lower_one_may(held: Role, wanted: Role) -> None:
    here, everywhere = subject(projects={"p": held}), subject(everywhere=held)

    assert has_role(here, wanted, "p") is has_role(everywhere, wanted, "p") is (held >= wanted)


def test_a_role_in_one_project_is_none_in_another_nor_in_all() -> None:
    one = subject(projects={"p": Role.ADMIN})

    assert not has_role(one, Role.VIEWER, "q")
    assert not has_role(one, Role.VIEWER, None)


def test_the_higher_of_both_roles_counts() -> None:
    assert has_role(subject(everywhere=Role.EDITOR, projects={"p": Role.VIEWER}), Role.EDITOR, "p")
    assert has_role(subject(everywhere=Role.VIEWER, projects={"p": Role.EDITOR}), Role.EDITOR, "p")


def test_projects_are_listed_by_role_or_are_all() -> None:
    some = subject(projects={"p": Role.EDITOR, "q": Role.VIEWER})

    assert projects_with(some, Role.VIEWER) == frozenset({"p", "q"})
    assert projects_with(some, Role.OPERATOR) == frozenset({"p"})
    assert projects_with(subject(everywhere=Role.VIEWER), Role.VIEWER) is None
    assert projects_with(subject(), Role.VIEWER) == frozenset()


def test_an_actor_is_who_was_verified_and_says_for_whom() -> None:
    assert subject().actor == "Ada (page)"
    assert subject(way=Way.CLI).on_behalf_of("build 7").actor == "Ada (CLI) on behalf of build 7"
    assert subject(way=Way.RUN, name="run r1").actor == "run r1"


def test_where_nobody_signs_in_the_actor_is_whom_the_request_names() -> None:
    local = subject(way=Way.LOCAL)

    assert local.actor == "Ada"
    assert local.on_behalf_of("ci").actor == local.on_behalf_of("ci").owner == "ci"
    assert subject().on_behalf_of("ci").owner == "ada"


@pytest.mark.parametrize("name", ["", "  ", "a\x00b", "line\nbreak"])
def test_a_name_that_cannot_be_shown_is_nobody(name: str) -> None:
    assert subject().on_behalf_of(name).behalf == ""


def test_an_unknown_role_is_refused_with_those_there_are() -> None:
    assert read_role(" Editor ") is Role.EDITOR
    with pytest.raises(ValueError, match="'owner' is not a role; there are viewer, operator, editor, admin"):
        read_role("owner")
