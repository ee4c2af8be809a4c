"""Roles that the groups of an identity provider have, as one setting says it: `admins=admin, ml=editor@vision`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runs.domain.roles import Role, read_role


@dataclass(frozen=True, slots=True)
class GroupRole:
    """What a group may do; project "": in all projects."""

    group: str
    role: Role
    project: str = ""


def read_group_roles(text: str) -> tuple[GroupRole, ...]:
    """Read `group=role` and `group=role@project`, between commas. Raises ValueError, with the part that is wrong."""
    return tuple(_read_one(part.strip()) for part in text.split(",") if part.strip())


def _read_one(part: str) -> GroupRole:
    # A group's name may hold "=", as a distinguished name of LDAP does; a role holds none.
    group, is_pair, rest = part.rpartition("=")
    role, _, project = rest.partition("@")
    if not is_pair or not group.strip():
        raise ValueError(f"{part[:80]!r} is not of the form group=role or group=role@project")
    return GroupRole(group.strip(), read_role(role), project.strip())


def add_group_roles(
    everywhere: Role | None,
    projects: Mapping[str, Role],
    groups: Iterable[str],
    rules: Iterable[GroupRole],
) -> tuple[Role | None, dict[str, Role]]:
    """The roles in all projects and by project, with those that these groups have. The highest counts."""
    mine = frozenset(groups)
    found = dict(projects)
    for rule in rules:
        if rule.group not in mine:
            continue
        if rule.project:
            found[rule.project] = max(found.get(rule.project, rule.role), rule.role)
        else:
            everywhere = max(everywhere or rule.role, rule.role)
    return everywhere, found
