"""Ours as an OAuth provider: its pages and endpoints, through our one door to the database.

They answer only where FLYTEUI_AUTH is `password`; elsewhere there is nothing here, and the library is not even loaded.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse

from runs.domain import errors
from runs.store import database
from runs.views.errors import AsyncPage, error_page, status_of

LIBRARY = "runs.views.sign_in.oauth_views"
# As messages of OAuth, RFC 6749 section 5.2, for whoever is no browser.
CODES = {HTTPStatus.SERVICE_UNAVAILABLE: "temporarily_unavailable"}


def page(name: str) -> AsyncPage:
    """A page of the provider, for a person who has signed in. name: of a class in oauth_views.py."""
    return _provided(name, error_page, is_for_people=True)


def endpoint(name: str) -> AsyncPage:
    """An endpoint of the provider, for a program, which proves itself by what it sends; no browser has part in it."""
    view = _provided(name, _oauth_error)
    view.csrf_exempt = True  # type: ignore[attr-defined]
    return view


def _provided(name: str, answer: Callable[..., HttpResponse], *, is_for_people: bool = False) -> AsyncPage:
    """Run a view in the writer thread, in one transaction. answer: how it answers our errors."""

    def work(request: HttpRequest, arguments: dict[str, str]) -> HttpResponse:
        if is_for_people and not request.user.is_authenticated:
            # A bearer opens our other pages. A token that could approve the next one would never end.
            raise errors.Unauthenticated("only whoever has signed in with a browser may let a program in")
        view = getattr(importlib.import_module(LIBRARY), name).as_view()
        with transaction.atomic():
            response = view(request, **arguments)
            # A template that is rendered later would read the database elsewhere.
            found: HttpResponse = response.render() if hasattr(response, "render") else response
            return found

    async def run(request: HttpRequest, **arguments: str) -> HttpResponse:
        try:
            if settings.AUTH != "password":
                raise errors.NotFound("this server gives out no tokens (FLYTEUI_AUTH is not password)")
            return await database.write(work, request, arguments)
        except errors.FlyteUIError as error:
            return answer(request, error)

    run.__name__ = name
    return run


def _oauth_error(request: HttpRequest, error: errors.FlyteUIError) -> HttpResponse:
    status = status_of(error)
    body = {"error": CODES.get(status, "invalid_request"), "error_description": error.message}
    return JsonResponse(body, status=status)
