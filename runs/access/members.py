"""Who is a member, with which role: what the command and the admin site write."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from runs.access.oauth.keys import KEY_PREFIX, is_key_in_force
from runs.domain.errors import Invalid, NotFound
from runs.domain.roles import Role
from runs.models import Member, Project


def check_project(name: str | None) -> None:
    """Raise NotFound unless there is this project; None is all of them. One statement."""
    if name is not None and not Project.objects.filter(name=name).exists():
        raise NotFound(f"there is no project {name!r}")


def has_users() -> bool:
    """Whether anybody could sign in with a password. One statement."""
    return User.objects.filter(is_active=True).exists()


def projects_named(names: Collection[str]) -> QuerySet[Project]:
    return Project.objects.filter(name__in=names).order_by("name")


def save_user(name: str, password: str, role: Role, project: str | None) -> bool:
    """Make the user, or set the password of the one there is, and give them the role. Returns whether they are new.

    An admin of all projects is a superuser of Django, so that there is one before anybody can make members.
    """
    with transaction.atomic():
        user = User.objects.filter(username=name).first()
        is_new = user is None
        user = user or User(username=name)
        user.set_password(password)
        if project is None:
            user.is_superuser = user.is_staff = role is Role.ADMIN
        try:
            user.full_clean()
        except ValidationError as error:
            raise Invalid(f"{name!r} cannot be the name of a user: {' '.join(error.messages)}") from error
        user.save()
        set_role(name, role, project)
    return is_new


def is_switched_off(name: str) -> bool:
    """Whether a user of this name was told to stay away, or a key of this id has ended. One statement."""
    if name.startswith(KEY_PREFIX):
        return not is_key_in_force(name.removeprefix(KEY_PREFIX))
    return User.objects.filter(username=name, is_active=False).exists()


def set_role(name: str, role: Role, project: str | None, kind: str = Member.Kind.USER) -> Member:
    """Give a user or a group a role, in place of the one that it has there."""
    where = Project.objects.get(name=project) if project is not None else None
    member, _ = Member.objects.update_or_create(
        kind=kind, name=name, project=where, defaults={"role": role.value}
    )
    return member
