from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.db import IntegrityError

from runs.access.gate import require
from runs.access.sessions import subject_of_user
from runs.domain.errors import Forbidden
from runs.domain.roles import Role
from runs.models import Member
from tests.support.factories import make_project

pytestmark = pytest.mark.django_db


def test_a_superuser_is_admin_of_all_projects(django_assert_num_queries) -> None:
    root = User.objects.create_superuser("root")

    with django_assert_num_queries(0):
        assert subject_of_user(root).everywhere is Role.ADMIN


def test_a_user_has_the_highest_role_that_a_membership_gives(django_assert_num_queries) -> None:
    ada = User.objects.create_user("ada", first_name="Ada", last_name="L.")
    ada.groups.add(Group.objects.create(name="ops"))
    project = make_project("p")
    Member.objects.create(name="ada", project=project, role=Role.VIEWER)
    Member.objects.create(name="ops", kind="group", project=project, role=Role.OPERATOR)
    Member.objects.create(name="ops", kind="group", role=Role.VIEWER)
    Member.objects.create(name="ops", role=Role.ADMIN)  # a user of that name, not the group

    with django_assert_num_queries(2):
        subject = subject_of_user(ada)

    assert (subject.id, subject.name) == ("ada", "Ada L.")
    assert (subject.everywhere, subject.projects) == (Role.VIEWER, {"p": Role.OPERATOR})


def test_a_user_without_a_membership_may_do_nothing() -> None:
    subject = subject_of_user(User.objects.create_user("eve"))

    with pytest.raises(Forbidden, match="the role viewer in project 'p', which eve does not have"):
        require(subject, Role.VIEWER, "p")
    with pytest.raises(Forbidden, match="in all projects"):
        require(subject, Role.VIEWER, None)


def test_nobody_has_two_roles_in_all_projects() -> None:
    Member.objects.create(name="ada", role=Role.VIEWER)

    with pytest.raises(IntegrityError):
        Member.objects.create(name="ada", role=Role.ADMIN)
