"""How views answer errors, as pages, fragments or JSON; and `reader_view`, which runs a view in a reader thread."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse

from runs.domain import errors
from runs.store import database
from runs.views.requests import respond

Page = Callable[..., HttpResponse]
AsyncPage = Callable[..., Coroutine[Any, Any, HttpResponse]]

STATUS: dict[type[errors.FlyteUIError], HTTPStatus] = {
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Invalid: HTTPStatus.BAD_REQUEST,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
NOT_OURS = (
    "Your browser did not show that this came from a page of ours: that page may be old, or its cookie is gone. "
    "Nothing was changed; load the page again and repeat it."
)


def reader_view(view: Page) -> AsyncPage:
    """Run a view in a reader thread, and turn our errors into pages."""

    @wraps(view)
    async def run(request: HttpRequest, **arguments: str) -> HttpResponse:
        try:
            return await database.read(_guarded, view, request, arguments)
        except errors.FlyteUIError as error:  # of the database
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
    context = {
        "error": error,
        "status": status,
        "home": "/",
        "request_id": request.headers.get("x-request-id", ""),
    }
    return respond(request, context, fragment="runs/page/_error.html", page="runs/error.html", status=status)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: a view raised an exception that is none of ours."""
    return error_page(request, errors.FlyteUIError("The server could not make this. Its log says why."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW: the token is missing or wrong. reason: Django's, not shown."""
    del reason
    if request.content_type == "application/json":
        return JsonResponse({"message": NOT_OURS}, status=HTTPStatus.FORBIDDEN)
    return error_page(request, errors.FlyteUIError(NOT_OURS), HTTPStatus.FORBIDDEN)


def locked_out(request: HttpRequest, response: HttpResponse | None, credentials: object) -> HttpResponse:
    """The answer of django-axes to a sign-in that is not tried any more. response: of the form, as if the password were wrong."""
    del response, credentials
    seconds = int(settings.AXES_COOLOFF_TIME.total_seconds())
    error = errors.FlyteUIError(
        f"Too many wrong passwords for this name from your address. Nothing is tried for {_in_words(seconds)} now; "
        "then the right one works again."
    )
    page = error_page(request, error, HTTPStatus.TOO_MANY_REQUESTS)
    page.headers["Retry-After"] = str(seconds)
    return page


def _in_words(seconds: int) -> str:
    return f"{seconds // 60} minutes" if seconds >= 2 * 60 else f"{seconds} seconds"


def status_of(error: errors.FlyteUIError) -> HTTPStatus:
    codes = (code for kind, code in STATUS.items() if isinstance(error, kind))
    return next(codes, HTTPStatus.INTERNAL_SERVER_ERROR)


def json_error(error: errors.FlyteUIError) -> JsonResponse:
    return JsonResponse({"message": error.message}, status=status_of(error))
