"""Accounts of the OpenID Connect provider as users and subjects.

An account is known by issuer and `sub`. Its name is for people: whoever takes somebody else's name gets a number behind it,
and none of the other's roles.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction

from runs.access.oidc import provider
from runs.access.sessions import roles_of, subject_of_user
from runs.domain.roles import Subject, Way
from runs.models import ProviderAccount

MAX_NAME = 150  # of Django's users and groups
MAX_GROUPS = 500
NOT_IN_NAMES = re.compile(r"[^\w.@+-]")


@transaction.atomic
def sign_in(claims: Mapping[str, Any]) -> User:
    """The user of an account that the provider has just vouched for; made at the first time, its groups set each time."""
    issuer, sub = str(claims["iss"]), str(claims["sub"])
    found = ProviderAccount.objects.select_related("user").filter(issuer=issuer, subject=sub).first()
    if found is None:
        user = User.objects.create_user(_free_name(name_of(claims)))
        ProviderAccount.objects.create(user=user, issuer=issuer, subject=sub)
    else:
        user = found.user
    user.first_name = _text(claims, "given_name")
    user.last_name = _text(claims, "family_name")
    user.email = _text(claims, "email")[:254]
    user.save()
    names = groups_of(claims)
    for name in names:
        Group.objects.get_or_create(name=name)
    user.groups.set(Group.objects.filter(name__in=names))
    return user


def find_subject(token: str) -> Subject | None:
    """The subject of a JWT of the provider; None for what is none, and where there is no provider."""
    claims = provider.read_claims(token) if settings.AUTH == "oidc" else None
    return subject_of_claims(claims) if claims is not None else None


def subject_of_claims(claims: Mapping[str, Any]) -> Subject | None:
    """Who sent a bearer of the provider; None for a user who was deactivated here. Up to three statements.

    An account that never came to a page has no user, so it has no name here that it could owe roles to: only its `sub`
    and its groups count. So it is with programs, whose `sub` is often their client id.
    """
    issuer, sub = str(claims["iss"]), str(claims["sub"])
    found = ProviderAccount.objects.select_related("user").filter(issuer=issuer, subject=sub).first()
    if found is not None and find_groups(claims) is None:
        # As of the last time that the pages were visited.
        return subject_of_user(found.user, Way.CLI) if found.user.is_active else None
    groups = groups_of(claims)
    if found is None:
        everywhere, projects = roles_of(sub, groups)
        return Subject(f"{sub}@{issuer}"[:255], name_of(claims), Way.CLI, everywhere, projects)
    user = found.user
    if not user.is_active:
        return None
    everywhere, projects = roles_of(user.username, groups)
    shown = user.get_full_name() or user.username
    return Subject(user.username, shown, Way.CLI, everywhere, projects)


def name_of(claims: Mapping[str, Any]) -> str:
    """What to call an account: letters, digits and @.+-_, as Django has it. Keys and runs are called otherwise."""
    wanted = _text(claims, settings.OIDC.name_claim) or str(claims["sub"])[:MAX_NAME]
    return NOT_IN_NAMES.sub("-", wanted)


def groups_of(claims: Mapping[str, Any]) -> list[str]:
    """The groups in a token, without the slash that Keycloak puts before the path of one."""
    found = find_groups(claims)
    listed = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    names = (str(name).removeprefix("/").strip() for name in listed[:MAX_GROUPS])
    return sorted({name for name in names if name and len(name) <= MAX_NAME and name.isprintable()})


def find_groups(claims: Mapping[str, Any]) -> Any:
    """The claim of the groups, or None: by its name, or by a path such as `realm_access.roles`."""
    path = settings.OIDC.groups_claim
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _text(claims: Mapping[str, Any], name: str) -> str:
    found = claims.get(name)
    return found.strip()[:MAX_NAME] if isinstance(found, str) and found.isprintable() else ""


def _free_name(wanted: str) -> str:
    name, number = wanted, 1
    while User.objects.filter(username=name).exists():
        number += 1
        name = f"{wanted[: MAX_NAME - 8]} ({number})"
    return name
