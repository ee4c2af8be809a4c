"""The page of the secrets: their names and where they are; creating, replacing and deleting them. No page holds a value."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from runs.access import gate
from runs.domain import errors
from runs.domain.roles import Role, Subject, has_role, projects_with
from runs.domain.secrets import SecretRef, check_ref, check_secret_scope
from runs.domain.timeline import to_ms
from runs.engine import secrets
from runs.queries import secrets as queries
from runs.queries.runs import list_projects
from runs.store import database
from runs.views.errors import error_page, reader_view, status_of
from runs.views.requests import actor_of, respond, subject_of

NEW = "runs/secrets/new.html"
FORM = "runs/secrets/_delete_form.html"
ANSWER = "runs/secrets/_delete_answer.html"
DELETE = "runs/secrets/delete.html"


@dataclass(frozen=True, slots=True)
class Line:
    """A secret as the page shows it. The URLs are empty for whoever may not change it."""

    view: queries.SecretView
    delete_url: str = ""
    replace_url: str = ""


@require_GET
@reader_view
def secrets_page(request: HttpRequest) -> HttpResponse:
    """?where=project/domain: what a task there can get; without it, all that the reader may see."""
    subject = subject_of(request)
    visible = projects_with(subject, Role.VIEWER)
    project, domain = read_where(request.GET)
    if project:
        gate.require(subject, Role.VIEWER, project)
        found = queries.list_usable(project, domain)
    else:
        found = queries.list_secrets(domain=domain, projects=visible)
    context = {
        "lines": [line_of(view, subject) for view in found],
        "where": where_of(project, domain),
        "places": [place for project in list_projects(visible) for place in places_of(project)],
        "command": f"flyte create secret MY_KEY{f' --project {project} --domain {domain}' if project else ''}",
        "may_create": bool(scopes_for(subject)),
        "now_ms": to_ms(timezone.now()),
    }
    return render(request, "runs/secrets/page.html", context)


@require_GET
@reader_view
def new_secret(request: HttpRequest) -> HttpResponse:
    """The form. ?where=: the scope; &name=: of a secret that is there, for another value."""
    subject = subject_of(request)
    scopes = scopes_for(subject)
    project, domain = read_where(request.GET)
    if "where" not in request.GET:
        project, domain = next(((scope.project, scope.domain) for scope in scopes), ("", ""))
    gate.require(subject, Role.EDITOR, project or None)
    ref = SecretRef(request.GET.get("name", ""), project, domain)
    if ref.name:
        queries.get_secret(check_ref(ref, settings.DOMAINS))
    return form_page(request, ref, is_there=bool(ref.name))


@sensitive_post_parameters("value", "text")
@require_POST
async def create_secret(request: HttpRequest, *, project: str = "", domain: str = "") -> HttpResponse:
    ref = SecretRef(request.POST.get("name", "").strip(), project, domain)
    return await keep(request, ref, secrets.create_secret)


@sensitive_post_parameters("value", "text")
@require_POST
async def replace_secret(request: HttpRequest, *, project: str = "", domain: str = "") -> HttpResponse:
    ref = SecretRef(request.POST.get("name", "").strip(), project, domain)
    return await keep(request, ref, secrets.replace_secret)


async def keep(request: HttpRequest, ref: SecretRef, change: Any) -> HttpResponse:
    """Back to the list, or to the form: with the name and why, and without the value."""
    try:
        await database.write(change, ref, read_value(request.POST), actor=await actor_of(request))
    except errors.FlyteUIError as error:
        is_there = change is secrets.replace_secret
        return await database.read(form_page, request, ref, is_there=is_there, error=error)
    return HttpResponseRedirect(list_url(ref), status=HTTPStatus.SEE_OTHER)


@require_http_methods(["GET", "POST"])
async def delete_secret(
    request: HttpRequest, *, name: str, project: str = "", domain: str = ""
) -> HttpResponse:
    """GET: what would be deleted, and the form. POST: delete it."""
    ref = SecretRef(name, project, domain)
    context: dict[str, object] = {
        "ref": ref,
        "url": url_of("delete-secret", ref, name=name),
        "back": list_url(ref),
    }
    try:
        check_ref(ref, settings.DOMAINS)
        if request.method == "GET":
            context |= {"fragment": FORM, "view": await database.read(queries.get_secret, ref)}
        else:
            await database.write(secrets.delete_secret, ref)
            context |= {"fragment": ANSWER}
    except errors.FlyteUIError as error:
        return error_page(request, error)
    return respond(request, context, fragment=str(context["fragment"]), page=DELETE)


def form_page(
    request: HttpRequest, ref: SecretRef, *, is_there: bool, error: errors.FlyteUIError | None = None
) -> HttpResponse:
    scopes = [
        (where_of(scope.project, scope.domain), scope.scope) for scope in scopes_for(subject_of(request))
    ]
    context = {
        "ref": ref,
        "where": where_of(ref.project, ref.domain),
        "scopes": scopes,
        "is_there": is_there,
        "url": url_of("replace-secret" if is_there else "create-secret", ref),
        "back": list_url(ref),
        "error": error,
    }
    return render(request, NEW, context, status=status_of(error) if error else HTTPStatus.OK)


def read_value(fields: QueryDict) -> bytes:
    """The value of a form, from the field for one line or from the one for many. Raises Invalid for both, or neither."""
    value, text = fields.get("value", ""), fields.get("text", "")
    if value and text:
        raise errors.Invalid("fill in one of the two fields: the value, or a value of several lines")
    # Browsers send the ends of lines as HTTP has them.
    return (value or text.replace("\r\n", "\n")).encode()


def read_where(query: QueryDict) -> tuple[str, str]:
    """Project and domain, or a domain, or neither. Raises Invalid."""
    *project, domain = query.get("where", "")[:200].split("/", 1)
    here = "".join(project)
    check_secret_scope(here, domain, settings.DOMAINS)
    return here, domain


def where_of(project: str, domain: str) -> str:
    return f"{project}/{domain}" if project else domain


def places_of(project: str) -> list[str]:
    return [where_of(project, domain) for domain in settings.DOMAINS]


def scopes_for(subject: Subject) -> list[SecretRef]:
    """Where the subject may create secrets, the default project first; the names are empty."""
    projects = list_projects(projects_with(subject, Role.EDITOR))
    projects.sort(key=lambda name: (name != settings.DEFAULT_PROJECT, name))
    scopes = [SecretRef("", project, domain) for project in projects for domain in settings.DOMAINS]
    if has_role(subject, Role.EDITOR, None):
        scopes += [*(SecretRef("", domain=domain) for domain in settings.DOMAINS), SecretRef("")]
    return scopes


def line_of(view: queries.SecretView, subject: Subject) -> Line:
    ref = view.ref
    if view.source or not has_role(subject, Role.EDITOR, ref.project or None):
        return Line(view)
    query = urlencode({"where": where_of(ref.project, ref.domain), "name": ref.name})
    return Line(view, url_of("delete-secret", ref, name=ref.name), f"{reverse('new-secret')}?{query}")


def url_of(route: str, ref: SecretRef, **more: str) -> str:
    """A URL in the scope of this secret: the gate reads the project there."""
    scope = {kind: value for kind, value in (("project", ref.project), ("domain", ref.domain)) if value}
    return reverse(route, kwargs=scope | more)


def list_url(ref: SecretRef) -> str:
    where = where_of(ref.project, ref.domain) if ref.project else ""
    return reverse("secrets") + (f"?{urlencode({'where': where})}" if where else "")
