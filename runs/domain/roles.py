"""Who asks, and what they may do: roles, subjects, and the one function that compares them. Pure.

A role holds in a project, or in all of them. Each role may do what the one before it may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum

from runs.domain.names import BUILD_PROJECT

MAX_NAME = 255  # of a subject, as rows have it


class Role(IntEnum):
    """VIEWER reads. OPERATOR also aborts, forces, signals and drains. EDITOR also submits, deploys and reruns, which is
    running code of their own. ADMIN also manages projects, members and keys.
    """

    VIEWER = 1
    OPERATOR = 2
    EDITOR = 3
    ADMIN = 4

    @property
    def label(self) -> str:
        return self.name.lower()


class Way(StrEnum):
    """How a subject came in, as people read it."""

    PAGE = "page"
    CLI = "CLI"
    KEY = "key"
    ADMIN = "admin"
    RUN = "run"
    COMMAND = "manage.py"
    LOCAL = "local"  # nobody signs in here: FLYTEUI_AUTH=none


@dataclass(frozen=True, slots=True)
class Subject:
    """Whoever was verified, or, where nobody signs in, the user of the server.

    id: stable, also what runs keep as their owner; name: for people; everywhere: the role in all projects;
    projects: roles by project; behalf: for whom it says that it asks, which gives no rights.
    """

    id: str
    name: str
    way: Way
    everywhere: Role | None = None
    projects: Mapping[str, Role] = field(default_factory=dict)
    behalf: str = ""

    @property
    def actor(self) -> str:
        """Who asked, as rows and pages have it. Where nobody signs in, whoever the request names."""
        if self.way is Way.LOCAL:
            return self.behalf or self.name
        behalf = f" on behalf of {self.behalf}" if self.behalf else ""
        shown = self.name if self.way in {Way.RUN, Way.COMMAND} else f"{self.name} ({self.way})"
        return f"{shown}{behalf}"[:MAX_NAME]

    @property
    def owner(self) -> str:
        """Whose the runs are that it submits: what `--only-mine` compares with the answer of `whoami`."""
        return (self.behalf or self.id) if self.way is Way.LOCAL else self.id

    def on_behalf_of(self, name: str) -> Subject:
        """The same subject, which says that it asks for somebody else. A name that cannot be shown is dropped."""
        name = name.strip()
        return replace(self, behalf=name[:MAX_NAME]) if name and name.isprintable() else self


def has_role(subject: Subject, role: Role, project: str | None) -> bool:
    """Whether the subject has this role, or a higher one, in the project; without a project, in all of them."""
    here = subject.projects.get(project) if project is not None else None
    if project == BUILD_PROJECT and role is Role.VIEWER:
        return True  # everybody's actions may wait for a build there
    return max(subject.everywhere or 0, here or 0) >= role


def projects_with(subject: Subject, role: Role) -> frozenset[str] | None:
    """The projects in which the subject has this role; None means all."""
    if has_role(subject, role, None):
        return None
    return frozenset(name for name, here in subject.projects.items() if here >= role)


def read_role(text: str) -> Role:
    """The role of this name; raises ValueError, which lists them all."""
    try:
        return Role[text.strip().upper()]
    except KeyError:
        names = ", ".join(role.label for role in Role)
        raise ValueError(f"{text[:80]!r} is not a role; there are {names}") from None
