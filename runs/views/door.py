"""The door of the pages: Django middleware that says who asks, asks the gate, and has what was done and refused audited.

Whoever may only read gets pages without the controls of others (runs/tree/read_only.py).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import markcoroutinefunction
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.http.request import RawPostDataException
from django.urls import reverse

from runs.access import audit, bearers, gate, sessions
from runs.access.deeds import Deed, Outcome
from runs.access.rules import URLS
from runs.domain.errors import FlyteUIError, Forbidden, Unauthenticated, Unavailable
from runs.domain.roles import Role, Subject, has_role
from runs.store import database
from runs.tree.read_only import without_controls
from runs.views.errors import error_page, json_error
from runs.views.requests import actor_header, is_fragment, is_write

JSON_URLS = frozenset({"aborts", "aborts-preview", "deletions", "uploads"})
OTHERS_PAGES = frozenset({"report", "admin"})  # whose HTML is not of our templates


class Gate:
    """After the sessions, before any view. `request.subject` is who asks, or None."""

    sync_capable = False
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        markcoroutinefunction(self)

    async def __call__(self, request: Any) -> HttpResponseBase:
        request.subject, request.rule = None, None
        try:
            request.subject = await identify(request)
        except Unavailable as error:
            return error_page(request, error)
        response = await self.get_response(request)
        if request.rule is not None and request.rule.deed and is_write(request):
            await tell(request, request.rule.deed, response)
        return for_reader(request, response)

    async def process_view(
        self, request: Any, view: object, args: object, kwargs: dict[str, Any]
    ) -> HttpResponseBase | None:
        name = url_name(request)
        try:
            gate.admit(request.subject, URLS.get(name), kwargs.get("project"))
        except Unauthenticated as error:
            return sign_in_first(request, name, error)
        except Forbidden as error:
            request.rule = URLS.get(name)
            return refusal(request, name, error)
        request.rule = URLS[name]
        return None


async def identify(request: HttpRequest) -> Subject | None:
    """Whoever the session or the bearer token is of; where nobody signs in, the user of the server."""
    subject: Subject | None
    if gate.is_open():
        subject = gate.local_subject()
    elif token := bearers.read_bearer(request.headers.get("Authorization", "")):
        subject = await bearers.identify(token)
    else:
        subject = await of_session(request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""))
    return subject.on_behalf_of(actor_header(request)) if subject else None


async def of_session(key: str) -> Subject | None:
    visit = await database.read(sessions.find_visit, key) if key else None
    if visit and visit.is_stale:
        await database.write(sessions.touch, key)
    return visit.subject if visit else None


def url_name(request: HttpRequest) -> str:
    """The name under which the table knows the URL, with its namespace; the admin site has one for all."""
    match = request.resolver_match
    if match is None:
        return ""
    return "admin" if "admin" in match.namespaces else match.view_name


def sign_in_first(request: HttpRequest, name: str, error: Unauthenticated) -> HttpResponse:
    """A page leads to the sign-in and back; a part of one, or a script, is told in words."""
    if is_for_script(request, name):
        return refusal(request, name, error)
    back = {"next": request.get_full_path()} if request.method == "GET" and name != "home" else {}
    query = f"?{urlencode(back)}" if back else ""
    return HttpResponseRedirect(f"{reverse('sign-in')}{query}", status=HTTPStatus.SEE_OTHER)


def refusal(request: HttpRequest, name: str, error: FlyteUIError) -> HttpResponse:
    return json_error(error) if is_json(request, name) else error_page(request, error)


def is_for_script(request: HttpRequest, name: str) -> bool:
    return is_fragment(request) or is_json(request, name)


def is_json(request: HttpRequest, name: str) -> bool:
    return name in JSON_URLS or request.content_type == "application/json"


def outcome_of(response: HttpResponseBase) -> Outcome:
    if response.status_code < HTTPStatus.BAD_REQUEST:
        return Outcome.DONE
    is_refusal = response.status_code in {HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED}
    return Outcome.REFUSED if is_refusal else Outcome.FAILED


async def tell(request: Any, deed: Deed, response: HttpResponseBase) -> None:
    """Write the entry of a POST, whatever became of it. A form that was too large or broken names nothing but its URL."""
    fields = fields_of(request)
    kwargs = request.resolver_match.kwargs if request.resolver_match else {}
    if deed is Deed.ABORT and fields.get("force") == "1":
        deed = Deed.FORCE
    outcome, note = outcome_of(response), fields.get("reason", "")
    if outcome is Outcome.FAILED:
        note = ": ".join(
            filter(None, (f"{response.status_code} {HTTPStatus(response.status_code).phrase}", note))
        )
    target = [
        str(kwargs[name])
        for name in ("project", "domain", "run", "action", "task", "executor")
        if name in kwargs
    ]
    target += [
        text
        for name in ("action", "name", "names", "phase", "group", "under", "beside")
        if (text := fields.get(name))
    ]
    await audit.record_soon(
        audit.entry_of(
            request.subject, deed, outcome=outcome, project=str(kwargs.get("project", "")), target="/".join(target),
            note=note,
        )
    )  # fmt: skip


def fields_of(request: HttpRequest) -> Mapping[str, str]:
    """What a POST has said: the fields of a form or the texts of a JSON object; nothing of one that cannot be read."""
    try:
        if request.content_type != "application/json":
            return {name: " ".join(request.POST.getlist(name)) for name in request.POST}
        body = json.loads(request.body)
    except (SuspiciousOperation, OSError, RawPostDataException, RecursionError, ValueError):
        return {}
    items = body.items() if isinstance(body, dict) else ()
    return {
        name: " ".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in items
    }


def for_reader(request: Any, response: HttpResponseBase) -> HttpResponseBase:
    """The page without the controls that its reader may not use. Never kept by a browser for whoever comes next."""
    if not gate.is_open() and request.rule is not None and not response.has_header("Cache-Control"):
        response["Cache-Control"] = "no-store"
    is_html = (
        response.get("Content-Type", "").startswith("text/html") and url_name(request) not in OTHERS_PAGES
    )
    if isinstance(response, HttpResponse) and is_html and not may_operate(request):
        response.content = without_controls(response.content.decode()).encode()
        if response.has_header("Content-Length"):
            response["Content-Length"] = str(len(response.content))
    return response


def may_operate(request: Any) -> bool:
    """Whether the reader of this page may abort in its project; on a page of none, in all projects."""
    match = request.resolver_match
    project = match.kwargs.get("project") if match else None
    return bool(request.subject and has_role(request.subject, Role.OPERATOR, project))
