"""Django's users as subjects: superusers are admins of all projects, memberships say the rest. And how long a session lasts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore
from django.db.models import Q

from runs.access.oidc.group_roles import add_group_roles
from runs.domain.roles import Role, Subject, Way
from runs.models import Member
from runs.store.clock import wall_time

if TYPE_CHECKING:
    from django.contrib.auth.models import User

BEGAN, USED = "began", "used"  # keys of a session: seconds since the epoch
TOUCH_SECONDS = 60.0  # how exactly it is known when a session was used last


@dataclass(frozen=True, slots=True)
class Visit:
    """A session that lasts, and whose it is. is_stale: its last use must be written down again."""

    subject: Subject
    is_stale: bool


def subject_of_user(user: User, way: Way = Way.PAGE) -> Subject:
    """The subject of a user who was verified. Two statements; none for a superuser.

    The groups of an identity provider are Django's groups of the user, by name.
    """
    name = user.get_username()
    shown = user.get_full_name() or name
    if user.is_superuser:
        return Subject(name, shown, way, everywhere=Role.ADMIN)
    groups = list(user.groups.values_list("name", flat=True))
    everywhere, projects = roles_of(name, groups)
    return Subject(name, shown, way, everywhere, projects)


def roles_of(user: str, groups: list[str]) -> tuple[Role | None, dict[str, Role]]:
    """The role in all projects, and those by project. The highest membership counts. One statement."""
    everywhere: Role | None = None
    projects: dict[str, Role] = {}
    named = Q(kind=Member.Kind.USER, name=user) | Q(kind=Member.Kind.GROUP, name__in=groups)
    for member in Member.objects.filter(named).select_related("project"):
        role = Role(member.role)
        if member.project is None:
            everywhere = max(everywhere or role, role)
        else:
            projects[member.project.name] = max(projects.get(member.project.name, role), role)
    return add_group_roles(everywhere, projects, groups, settings.OIDC.roles)


def find_visit(session_key: str) -> Visit | None:
    """The visit of a session's cookie; None when nobody is signed in with it, or it has ended. Four statements at most."""
    session = SessionStore(session_key)
    # It checks the signature of the password, too: whoever changes it ends all sessions.
    user: Any = get_user(SimpleNamespace(session=session))  # type: ignore[arg-type]
    if not user.is_authenticated or not user.is_active or has_ended(session):
        return None
    is_stale = BEGAN not in session or _now() - session[USED] >= TOUCH_SECONDS
    return Visit(subject_of_user(user), is_stale)


def has_ended(session: SessionStore) -> bool:
    """Whether it lasted as long as any may, or nobody has used it for too long."""
    now = _now()
    began, used = float(session.get(BEGAN, now)), float(session.get(USED, now))
    return now - began >= settings.SESSION_SECONDS or now - used >= settings.SESSION_IDLE_SECONDS


def touch(session_key: str) -> None:
    """Write down that a session is used; the first time also when it began."""
    session = SessionStore(session_key)
    now = _now()
    session.setdefault(BEGAN, now)
    session[USED] = now
    with suppress(UpdateError):  # it was ended meanwhile
        session.save()


def clear_ended() -> None:
    """Delete the sessions whose cookies no browser sends any more. One statement."""
    SessionStore.clear_expired()


def _now() -> float:
    return wall_time().timestamp()
