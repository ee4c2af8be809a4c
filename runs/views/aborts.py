"""Aborts in one run: the abort dialog and its answer, as fragments and pages, and the JSON API of bulk aborts."""

from __future__ import annotations

import json
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from runs.domain import errors
from runs.domain.addresses.pages import action_path, rerun_path
from runs.domain.names import ROOT, ActionRef, RunRef
from runs.domain.selections import Selection, select
from runs.domain.status import HAD_ENDED, STATUS_LABELS
from runs.domain.timeline import format_duration
from runs.engine import aborts
from runs.queries.aborts import previews
from runs.queries.runs import get_run
from runs.queries.searches import list_names
from runs.store import database
from runs.tree.filter import RowFilter, make_filter
from runs.tree.snapshots import shared
from runs.views.errors import error_page, json_error, reader_view
from runs.views.requests import actor_of, is_fragment, respond

KEYS = ("phase", "group", "under", "beside", "reason")  # the texts of a JSON body


@require_http_methods(["GET", "POST"])
async def abort(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """GET: the form, with counts of what an abort would stop. POST: request the abort; the answer has what it found.

    The target is the run, or `action`, or one of `names` (separated by spaces, or repeated), `phase`, `group` (of `under`, or of any
    action) and `beside`; or what matches a filter of the page: `q`, `look` (separated by spaces) and `started`.
    """
    ref = RunRef(project, domain, run)
    if request.method == "GET":
        return await abort_form(request, ref=ref)
    try:
        selection = read_fields(request.POST)
        if (row_filter := read_filter(request.POST)) is not None:
            selection = await database.read(find_matching, ref, row_filter)
        is_one = selection is None and row_filter is None
        answer = await (ask_for_one(request, ref) if is_one else ask_for_many(request, ref, selection))
    except errors.FlyteUIError as error:
        return error_page(request, error)
    is_late = answer.get("outcome") == "already_ended"
    context = {**answer, "project": project, "domain": domain, "run": run}
    status = HTTPStatus.CONFLICT if is_late else HTTPStatus.OK
    return respond(
        request, context, fragment="runs/dialogs/_abort_answer.html", page="runs/abort.html", status=status
    )


async def ask_for_one(request: HttpRequest, ref: RunRef) -> dict[str, Any]:
    """Abort the run, or the action that is named; the answer as the template wants it."""
    action = request.POST.get("action", "")
    answer = await database.write(
        aborts.request_abort,
        ActionRef(ref, action) if action else ref,
        reason=request.POST.get("reason", "").strip(),
        actor=await actor_of(request),
        force=request.POST.get("force") == "1",
    )
    is_run = action in {"", ROOT}
    before = format_duration(answer.ended_ago_ms) if answer.ended_ago_ms is not None else ""
    return {
        "answer": answer, "name": action or ref.name, "is_run": is_run, "outcome": answer.outcome, "before": before,
        "had_ended": HAD_ENDED.get(answer.phase, ""), "again": rerun_path(ActionRef(ref, action or ROOT)),
    }  # fmt: skip


@require_POST
async def add_reason(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """Give the abort of `action` the `reason` that it lacks; whoever has aborted it may. Answered with 204 to a script."""
    ref = ActionRef(RunRef(project, domain, run), request.POST.get("action") or ROOT)
    reason = request.POST.get("reason", "").strip()
    try:
        await database.write(aborts.add_reason, ref, reason=reason, actor=await actor_of(request))
    except errors.FlyteUIError as error:
        return error_page(request, error)
    if is_fragment(request):
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    return HttpResponseRedirect(action_path(ref), status=HTTPStatus.SEE_OTHER)


async def ask_for_many(request: HttpRequest, ref: RunRef, selection: Selection | None) -> dict[str, Any]:
    """Abort what is selected, if it is anything; the answer as the template wants it."""
    if selection is None:
        return {"bulk": aborts.BulkAnswer(), "outcome": "nothing"}
    bulk = await database.write(
        aborts.request_aborts,
        ref,
        selection,
        reason=request.POST.get("reason", "").strip(),
        actor=await actor_of(request),
    )
    return {"bulk": bulk, "outcome": "requested" if bulk.reached else "nothing"}


@reader_view
def abort_form(request: HttpRequest, *, ref: RunRef) -> HttpResponse:
    head = get_run(ref)
    fields = request.GET
    context: dict[str, Any] = {"head": head, "project": ref.project, "domain": ref.domain}
    selection, row_filter = read_fields(fields), read_filter(fields)
    if row_filter is not None:
        found = find_matching(ref, row_filter)
        context |= {
            "counts": previews.preview_aborts(head.id, ref.name, found) if found else previews.NOTHING,
            "matching": " · ".join(row_filter.labels),
            "kept": ("q", "look", "started"),
        }
    elif selection:
        counts = previews.preview_aborts(head.id, ref.name, selection)
        context |= {
            "counts": counts,
            "selection": selection,
            "kept": ("names", "phase", "group", "under", "beside"),
        }
        if selection.beside:
            context["place"] = previews.get_place(head.id, selection.beside)
    else:
        preview = previews.preview_abort(head.id, ActionRef(ref, fields.get("action") or ROOT))
        context |= {"counts": preview.counts, "preview": preview, "kept": ("action",)}
    context["kept"] = [(name, " ".join(fields.getlist(name))) for name in context["kept"]]
    return respond(request, context, fragment="runs/dialogs/_abort_form.html", page="runs/abort.html")


def read_fields(fields: QueryDict) -> Selection | None:
    """The selection in a form's fields; None when they mean the run or one action. Raises Invalid."""
    names, phase = " ".join(fields.getlist("names")).split(), fields.get("phase", "")
    group, beside = fields.get("group", ""), fields.get("beside", "")
    if not (names or phase or group or beside):
        return None
    if fields.get("action"):
        raise errors.Invalid("abort either one action or a selection")
    return select(names=names, phase=phase, group=group, beside=beside, under=fields.get("under", ""))


def read_filter(fields: QueryDict) -> RowFilter | None:
    """The filter in a form's fields, None when they have none. Raises Invalid where it would mean more than what is said."""
    if not any(fields.get(name) for name in ("q", "look", "started")):
        return None
    if any(fields.get(name) for name in ("action", "names", "phase", "group", "beside")):
        raise errors.Invalid("abort either what matches a filter, or one action, or a selection")
    looks = fields.get("look", "").split()
    if unknown := sorted(set(looks) - STATUS_LABELS.keys()):
        raise errors.Invalid(f"no action can look {unknown[0][:80]!r}; look is of {', '.join(STATUS_LABELS)}")
    found = make_filter(text=fields.get("q", ""), statuses=looks, started=fields.get("started") == "1")
    if not found.is_filter:
        raise errors.Invalid("an abort of what matches wants a filter: q, look, or started=1")
    return found


def find_matching(ref: RunRef, row_filter: RowFilter) -> Selection | None:
    """What matches the filter and goes on, without the root; None when nothing does. Raises NotFound."""
    live = shared.get(get_run(ref)).list_live_matches(row_filter)
    return Selection(names=frozenset(list_names(live))) if live else None


@ensure_csrf_cookie
@require_GET
async def preview_aborts(request: HttpRequest, *, project: str, domain: str, run: str) -> JsonResponse:
    """JSON: what a bulk abort would find. The selection is in the query: name (may repeat), phase, group (with under, or of any action) or beside.

    It sets the cookie whose value the POST sends back as X-CSRFToken, so that a script needs no page.
    """

    def count() -> previews.BulkPreview:
        selection = select(
            names=request.GET.getlist("name"),
            phase=request.GET.get("phase", ""),
            group=request.GET.get("group", ""),
            beside=request.GET.get("beside", ""),
            under=request.GET.get("under", ""),
        )
        return previews.preview_aborts(get_run(RunRef(project, domain, run)).id, run, selection)

    try:
        return JsonResponse(asdict(await database.read(count)))
    except errors.FlyteUIError as error:
        return json_error(error)


@require_POST
async def request_aborts(request: HttpRequest, *, project: str, domain: str, run: str) -> JsonResponse:
    """JSON: abort a selection of one run. The body has names, phase, group or beside, and may have a reason."""
    try:
        selection, reason = read_selection(request.body)
        answer = await database.write(
            aborts.request_aborts,
            RunRef(project, domain, run),
            selection,
            reason=reason,
            actor=await actor_of(request),
        )
    except errors.FlyteUIError as error:
        return json_error(error)
    return JsonResponse(asdict(answer))


def read_selection(body: bytes) -> tuple[Selection, str]:
    """The selection and the reason in a JSON body, or Invalid."""
    try:
        data = json.loads(body)
    except ValueError as error:
        raise errors.Invalid(f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise errors.Invalid("the body is nested too deep") from error
    if not isinstance(data, dict) or (unknown := data.keys() - {"names", *KEYS}):
        extra = f", not {', '.join(sorted(unknown))}" if isinstance(data, dict) else ""
        raise errors.Invalid(
            f"the body must be an object of names, phase, group (and under) or beside, and reason{extra}"
        )
    names, texts = data.get("names", []), [data.get(key, "") for key in KEYS]
    if not isinstance(names, list) or not all(isinstance(one, str) for one in (*names, *texts)):
        raise errors.Invalid(
            "names must be a list of strings; phase, group, under, beside and reason strings"
        )
    phase, group, under, beside, reason = texts
    selection = select(names=names, phase=phase, group=group, beside=beside, under=under)
    return selection, reason.strip()
