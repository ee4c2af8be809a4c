"""The one decision: whether a subject may do something in a project. Each door (Connect, pages, sockets) asks here."""

from __future__ import annotations

import getpass
from functools import cache

from django.conf import settings

from runs.access.rules import Open, Rule
from runs.domain.errors import Forbidden, Unauthenticated
from runs.domain.roles import Role, Subject, Way, has_role


def is_open() -> bool:
    """Whether nobody signs in here (FLYTEUI_AUTH=none): everybody is the server's user, who may do everything."""
    return bool(settings.AUTH == "none")


@cache
def server_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def local_subject() -> Subject:
    """Whoever asks where nobody signs in."""
    return Subject(server_user(), server_user(), Way.LOCAL, everywhere=Role.ADMIN)


def require(subject: Subject, role: Role, project: str | None) -> None:
    """Raise Forbidden, with the role and the project, unless the subject has this role there; None: in all projects."""
    if not has_role(subject, role, project):
        raise Forbidden(subject.name, role, project)


def is_admin_somewhere(subject: Subject) -> bool:
    return has_role(subject, Role.ADMIN, None) or Role.ADMIN in subject.projects.values()


def admit(subject: Subject | None, rule: Rule | None, project: str | None) -> None:
    """Let a request pass, or raise Unauthenticated or Forbidden. rule: None for what the table does not have.

    project: that of the thing which is touched; None when the request names none.
    """
    if rule is not None and rule.needs in {Open.PUBLIC, Open.OWN}:
        return
    if subject is None:
        raise Unauthenticated("Nobody is signed in here, or the session or token has ended: sign in")
    if rule is None:
        raise Forbidden(subject.name, Role.ADMIN, None)
    if isinstance(rule.needs, Role):
        require(subject, rule.needs, project)
    elif rule.needs is Open.LISTED and project:
        require(subject, Role.VIEWER, project)
