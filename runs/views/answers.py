"""What all views share: where they run, who asks, and how an error is answered."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from runs import database, errors

Page = Callable[..., HttpResponse]
AsyncPage = Callable[..., Coroutine[Any, Any, HttpResponse]]

STATUS: dict[type[errors.FlyteUIError], HTTPStatus] = {
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Invalid: HTTPStatus.BAD_REQUEST,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
NOT_OURS = (
    "Your browser did not show that this came from a page of ours: that page may be old, or its cookie is gone. "
    "Nothing was changed; load the page again and repeat it."
)
ANONYMOUS = "someone at the dashboard"
MAX_ACTOR = 255


def page(view: Page) -> AsyncPage:
    """Run a view in a reader thread, and turn our errors into pages."""

    @wraps(view)
    async def run(request: HttpRequest, **arguments: str) -> HttpResponse:
        try:
            return await database.read(_guarded, view, request, arguments)
        except errors.Unavailable as error:
            return error_page(request, error)

    return run


def _guarded(view: Page, request: HttpRequest, arguments: dict[str, str]) -> HttpResponse:
    try:
        return view(request, **arguments)
    except errors.FlyteUIError as error:
        return error_page(request, error)


def error_page(
    request: HttpRequest, error: errors.FlyteUIError, status: HTTPStatus | None = None
) -> HttpResponse:
    status = status or status_of(error)
    template = "runs/_error.html" if is_fragment(request) else "runs/error.html"
    context = {
        "error": error,
        "status": status,
        "home": "/",
        "request_id": request.headers.get("x-request-id", ""),
    }
    return render(request, template, context, status=status)


def server_error(request: HttpRequest) -> HttpResponse:
    """What Django answers when a view raised what is not ours: a bug, told in words."""
    return error_page(request, errors.FlyteUIError("The server could not make this. Its log says why."))


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """What Django answers when the CSRF token is missing or wrong. reason: its own words, which help nobody at a page."""
    del reason
    if request.content_type == "application/json":
        return JsonResponse({"message": NOT_OURS}, status=HTTPStatus.FORBIDDEN)
    return error_page(request, errors.FlyteUIError(NOT_OURS), HTTPStatus.FORBIDDEN)


def status_of(error: errors.FlyteUIError) -> HTTPStatus:
    known = (code for kind, code in STATUS.items() if isinstance(error, kind))
    return next(known, HTTPStatus.INTERNAL_SERVER_ERROR)


def is_fragment(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


async def actor_of(request: HttpRequest) -> str:
    """Who asks: the user; or what a tool says of itself, which is shown as text and gives no rights."""
    user = await request.auser()
    if user.is_authenticated:
        return user.get_username()
    said = request.headers.get("x-flyteui-actor", "").strip()
    return said[:MAX_ACTOR] if said.isprintable() and said else ANONYMOUS


def json_error(error: errors.FlyteUIError) -> JsonResponse:
    return JsonResponse({"message": error.message}, status=status_of(error))
