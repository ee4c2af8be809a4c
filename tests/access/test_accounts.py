from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from runs.access.oidc.accounts import sign_in, subject_of_claims
from runs.access.oidc.group_roles import GroupRole, read_group_roles
from runs.domain.roles import Role
from runs.models import Member
from tests.support.factories import make_project

pytestmark = pytest.mark.django_db
ISSUER = "https://login.example"


def claims(sub: str = "1", **more: Any) -> dict[str, Any]:
    return {"iss": ISSUER, "sub": sub, **more}


def test_an_account_keeps_its_user_whatever_it_calls_itself() -> None:
    first = sign_in(claims(preferred_username="ada", given_name="Ada", email="ada@example.com"))
    second = sign_in(claims(preferred_username="countess"))

    assert (first.pk, first.username, first.get_full_name()) == (second.pk, "ada", "Ada")
    assert not second.has_usable_password()


def test_whoever_takes_a_name_that_somebody_has_gets_none_of_its_roles() -> None:
    sign_in(claims("1", preferred_username="ada"))
    Member.objects.create(name="ada", role=Role.ADMIN)

    impostor = sign_in(claims("2", preferred_username="ada"))

    assert impostor.username == "ada (2)"
    subject = subject_of_claims(claims("2", preferred_username="ada"))
    assert subject is not None
    assert (subject.id, subject.everywhere) == ("ada (2)", None)


def test_an_account_that_was_never_on_a_page_owes_nothing_to_the_name_in_its_token() -> None:
    Member.objects.create(name="ada", role=Role.ADMIN)
    Member.objects.create(name="service-7", role=Role.EDITOR)

    stranger = subject_of_claims(claims("9", preferred_username="ada"))
    program = subject_of_claims(claims("service-7"))

    assert stranger is not None
    assert (stranger.name, stranger.everywhere) == ("ada", None)
    assert program is not None
    assert program.everywhere is Role.EDITOR


def test_the_same_sub_of_another_provider_is_another_account() -> None:
    assert sign_in(claims()) != sign_in({**claims(), "iss": "https://other.example"})


def test_groups_are_those_of_the_last_time() -> None:
    sign_in(claims(groups=["/ops", "ml", "", 7, "x" * 200, "nul\x00"]))
    user = sign_in(claims(groups=["ops"]))

    assert sorted(user.groups.values_list("name", flat=True)) == ["ops"]
    assert set(Group.objects.values_list("name", flat=True)) == {"ops", "ml", "7"}


@pytest.mark.parametrize(
    ("path", "token"),
    [
        ("groups", {"groups": "ops"}),
        ("realm_access.roles", {"realm_access": {"roles": ["ops"]}}),
        ("https://acme.example/groups", {"https://acme.example/groups": ["ops"]}),
    ],
)
def test_groups_may_be_anywhere_in_a_token(settings: Any, path: str, token: dict[str, Any]) -> None:
    settings.OIDC = replace(
        settings.OIDC, groups_claim=path, roles=(GroupRole("ops", Role.OPERATOR, "vision"),)
    )

    subject = subject_of_claims(claims(**token))

    assert subject is not None
    assert subject.projects == {"vision": Role.OPERATOR}


def test_members_and_the_setting_both_give_roles_to_groups(settings: Any) -> None:
    settings.OIDC = replace(settings.OIDC, roles=read_group_roles("ops=operator@p, all=viewer"))
    Member.objects.create(kind="group", name="ops", project=make_project("p"), role=Role.EDITOR)

    subject = subject_of_claims(claims(groups=["ops", "all"]))

    assert subject is not None
    assert (subject.everywhere, subject.projects) == (Role.VIEWER, {"p": Role.EDITOR})


def test_a_token_without_groups_has_those_of_the_last_visit(settings: Any) -> None:
    settings.OIDC = replace(settings.OIDC, roles=read_group_roles("ops=operator"))
    sign_in(claims(groups=["ops"]))

    subject = subject_of_claims(claims())
    left = subject_of_claims(claims(groups=[]))

    assert subject is not None
    assert left is not None
    assert (subject.everywhere, left.everywhere) == (Role.OPERATOR, None)


def test_a_user_who_was_deactivated_here_is_nobody() -> None:
    sign_in(claims())
    User.objects.update(is_active=False)

    assert subject_of_claims(claims()) is subject_of_claims(claims(groups=["x"])) is None


def test_roles_of_groups_are_read_from_one_setting() -> None:
    assert read_group_roles(" admins=admin, ml=editor@vision ,cn=ops=viewer,") == (
        GroupRole("admins", Role.ADMIN),
        GroupRole("ml", Role.EDITOR, "vision"),
        GroupRole("cn=ops", Role.VIEWER),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ops", "'ops' is not of the form group=role"),
        ("=admin", "'=admin' is not of the form"),
        ("ops=king", "'king' is not a role; there are viewer, operator, editor, admin"),
    ],
)
def test_a_setting_that_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_group_roles(text)
