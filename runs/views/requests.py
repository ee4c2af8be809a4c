"""What all views need of a request: whether htmx sent it, which template answers it, and who asks."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from runs.domain.errors import Unauthenticated
from runs.domain.roles import Subject, Way

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
