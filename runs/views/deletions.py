"""Deleting runs that have ended, from their page or their list: the dialog and its answer; and as JSON, for scripts."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_http_methods

from runs.domain import errors
from runs.domain.names import RunRef
from runs.engine.retention.deletions import delete_run
from runs.queries.retention.deletions import DeletionPreview, FileSizes, measure_files, preview_deletion
from runs.store import database
from runs.views.errors import error_page, json_error
from runs.views.requests import actor_of, respond
from runs.views.run_aborts import read_names

FORM = "runs/dialogs/_delete_form.html"
ANSWER = "runs/dialogs/_delete_answer.html"
PAGE = "runs/delete_runs.html"


@dataclass(frozen=True, slots=True)
class DeletionAnswer:
    """The runs that were deleted, with so many actions, and why others were not."""

    deleted: tuple[str, ...]
    actions: int
    refused: tuple[str, ...]


@require_http_methods(["GET", "POST"])
async def delete_runs(request: HttpRequest, *, project: str, domain: str) -> HttpResponse:
    """GET: what a deletion of these runs would delete, and the form. POST: delete them, one after another.

    The runs are `name` (may repeat) or `names` (separated by spaces).
    """
    context: dict[str, object] = {"project": project, "domain": domain}
    try:
        if request.method == "GET":
            names = read_names(request.GET.getlist("name"), request.GET.get("names", ""))
            preview, sizes = await preview_here(project, domain, names)
            context |= {"fragment": FORM, "names": names, "preview": preview, "sizes": sizes}
        else:
            names = read_names(request.POST.getlist("name"), request.POST.get("names", ""))
            answer = await delete(project, domain, names, actor=await actor_of(request))
            outcome = "requested" if answer.deleted else "nothing"
            context |= {"fragment": ANSWER, "answer": answer, "outcome": outcome}
    except errors.FlyteUIError as error:
        return error_page(request, error)
    return respond(request, context, fragment=str(context["fragment"]), page=PAGE)


async def preview_here(project: str, domain: str, names: list[str]) -> tuple[DeletionPreview, FileSizes]:
    preview = await database.read(preview_deletion, project, domain, names)
    refs = [RunRef(project, domain, name) for name in preview.ended]
    return preview, await asyncio.to_thread(measure_files, refs)


async def delete(project: str, domain: str, names: list[str], *, actor: str) -> DeletionAnswer:
    """Delete each run by a transaction of its own: one that lives, or is gone, stops none of the others."""
    deleted: list[str] = []
    refused: list[str] = []
    actions = 0
    for name in names:
        try:
            deletion = await database.write(delete_run, RunRef(project, domain, name), actor=actor)
        except (errors.Conflict, errors.NotFound) as error:
            refused.append(error.message)
        else:
            deleted.append(name)
            actions += deletion.actions
    return DeletionAnswer(tuple(deleted), actions, tuple(refused))


@ensure_csrf_cookie
@require_http_methods(["GET", "POST"])
async def deletions(request: HttpRequest, *, project: str, domain: str) -> JsonResponse:
    """JSON. GET ?name=…: what would be deleted; it sets the cookie whose value a POST sends back as X-CSRFToken.

    POST {"names": […]}: delete these runs; the answer says which, and why others were not (409 when none was).
    """
    try:
        if request.method == "GET":
            names = read_names(request.GET.getlist("name"), "")
            preview, sizes = await preview_here(project, domain, names)
            return JsonResponse(
                asdict(preview) | {"files": sizes.files, "bytes": sizes.bytes, "is_more": sizes.is_more}
            )
        answer = await delete(project, domain, read_body(request.body), actor=await actor_of(request))
    except errors.FlyteUIError as error:
        return json_error(error)
    return JsonResponse(asdict(answer), status=200 if answer.deleted else 409)


def read_body(body: bytes) -> list[str]:
    """The names in a JSON body, or Invalid."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise errors.Invalid(f"the body is not JSON: {str(error)[:200]}") from error
    names = data.get("names") if isinstance(data, dict) and data.keys() == {"names"} else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise errors.Invalid('the body must be an object with names, a list of strings: {"names": ["r1"]}')
    return read_names(names, "")
