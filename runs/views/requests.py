"""What all views need of a request: whether htmx sent it, which template answers it, who asks, and in which project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from runs.domain.errors import Forbidden, Invalid, NotFound, Unauthenticated
from runs.domain.roles import Role, Subject, Way, projects_with
from runs.queries.runs import list_projects

ID_DIGITS = 18  # of the id of a row
ANONYMOUS = "someone at the dashboard"


def is_fragment(request: HttpRequest) -> bool:
    """Whether htmx wants a part of a page; else the view answers with a whole one."""
    return request.headers.get("HX-Request") == "true"


def respond(
    request: HttpRequest,
    context: Mapping[str, object],
    *,
    fragment: str,
    page: str,
    status: HTTPStatus = HTTPStatus.OK,
) -> HttpResponse:
    """Render the template `fragment` for htmx, and `page`, which has it in it, for a browser without JavaScript."""
    return render(request, fragment if is_fragment(request) else page, {**context}, status=status)


def read_number(text: str, name: str, *, digits: int = 6) -> int:
    """The number that an address gives as `name`. Raises Invalid for what is none, or longer than so many digits."""
    if not (text.isascii() and text.isdecimal() and len(text) <= digits):
        raise Invalid(f"{name} must be a number of up to {digits} digits, not {text[:40]!r}")
    return int(text)


def is_write(request: HttpRequest) -> bool:
    return request.method not in {"GET", "HEAD", "OPTIONS", "TRACE"}


def actor_header(request: HttpRequest) -> str:
    """On whose behalf a tool says that it asks."""
    return request.headers.get("x-flyteui-actor", "")


def subject_of(request: HttpRequest) -> Subject:
    """Who asks: the door of the pages has put it there. Raises Unauthenticated when nobody was verified."""
    subject: Subject | None = getattr(request, "subject", None)
    if subject is None:
        raise Unauthenticated("Nobody is signed in")
    return subject


async def actor_of(request: HttpRequest) -> str:
    """Who asks, as recorded. Where nobody signs in: the user of the admin site, or the name in a header, which gives no rights."""
    subject = subject_of(request)
    if subject.way is not Way.LOCAL:
        return subject.actor
    user = await request.auser()
    return user.get_username() if user.is_authenticated else subject.behalf or ANONYMOUS


def default_project(request: HttpRequest) -> str:
    """The default project, or the first one that one may see. Raises Forbidden when that is none."""
    visible = projects_with(subject_of(request), Role.VIEWER)
    project: str = settings.DEFAULT_PROJECT
    if visible is not None and project not in visible:
        if not visible:
            raise Forbidden(subject_of(request).name, Role.VIEWER, project)
        project = min(visible)
    return project


def scope_context(
    request: HttpRequest, project: str, domain: str, path_of: Callable[[str, str], str]
) -> dict[str, Any]:
    """What runs/page/_scope.html shows. path_of: this page's path in a project and domain. Raises NotFound. One statement."""
    projects = list_projects(projects_with(subject_of(request), Role.VIEWER))
    if project not in projects and project != settings.DEFAULT_PROJECT:
        raise NotFound(f"project {project!r} does not exist")
    if domain not in settings.DOMAINS:
        raise NotFound(f"domain {domain!r} does not exist; there are {', '.join(settings.DOMAINS)}")
    return {
        "project": project,
        "domain": domain,
        "projects": [(name, path_of(name, domain)) for name in projects],
        "domains": [(name, path_of(project, name)) for name in settings.DOMAINS],
    }
