"""What every template may know of who reads the page: a context processor. What it hides, the gate refuses anyway."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError
from django.http import HttpRequest

from runs.access import exposure, gate
from runs.domain.roles import Role, Subject, Way, has_role, projects_with
from runs.queries.conditions.waiting import count_waiting


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads a page. may_operate, may_submit, may_delete: in its project, or, on a page of none, in all; sees_all: something in all projects; sees_secrets: their names, in some project."""

    name: str
    title: str
    is_signed_in: bool
    is_admin: bool
    sees_all: bool
    sees_secrets: bool
    may_operate: bool
    may_submit: bool
    may_delete: bool


def reader(request: HttpRequest) -> dict[str, Any]:
    """`reader` is None where nobody is signed in; `insecure` is the address that is open to everybody, or "".

    `count_waiting()`: how many conditions wait for them, asked by the template of a whole page, and so by no fragment.
    `sees_admin_site()`: asked only by what shows a link to it, because it reads the session.
    """
    subject: Subject | None = getattr(request, "subject", None)
    found = reader_of(subject, project_of(request)) if subject else None
    return {
        "reader": found,
        "insecure": exposure.find_open_address(),
        "count_waiting": partial(find_waiting, subject),
        "sees_admin_site": partial(admin.site.has_permission, request),
    }


def find_waiting(subject: Subject | None) -> int:
    """How many conditions wait for the reader. 0 for nobody, and where the database cannot be asked: on the page of an error."""
    if subject is None:
        return 0
    try:
        return count_waiting(projects_with(subject, Role.VIEWER))
    except (SynchronousOnlyOperation, DatabaseError):
        return 0


def project_of(request: HttpRequest) -> str | None:
    match = request.resolver_match
    return match.kwargs.get("project") if match else None


def reader_of(subject: Subject, project: str | None) -> Reader:
    here = max((role for role in Role if has_role(subject, role, project)), default=None)
    where = f"in project {project}" if project else "in all projects"
    return Reader(
        name=subject.name,
        title=f"{subject.id}: {here.label if here else 'no role'} {where}",
        is_signed_in=not gate.is_open() and subject.way is Way.PAGE and settings.AUTH != "none",
        is_admin=gate.is_admin_somewhere(subject),
        sees_all=has_role(subject, Role.VIEWER, None),
        sees_secrets=projects_with(subject, Role.VIEWER) != frozenset(),
        may_operate=has_role(subject, Role.OPERATOR, project),
        may_submit=has_role(subject, Role.EDITOR, project),
        may_delete=has_role(subject, Role.ADMIN, project),
    )
