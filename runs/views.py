"""Pages and their fragments. Reads and renders happen in the reader threads; the one write goes through operations."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Coroutine
from dataclasses import asdict, replace
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from runs import database, errors, metrics, operations, presence, rows, storage, tree
from runs.names import ROOT, ActionRef, RunRef
from runs.queries import health, logs, pages, panels, previews
from runs.queries import metrics as counting
from runs.selections import Selection, select
from runs.snapshot import Snapshot
from runs.timeline import to_ms

log = logging.getLogger(__name__)

Page = Callable[..., HttpResponse]
AsyncPage = Callable[..., Coroutine[Any, Any, HttpResponse]]

STATUS: dict[type[errors.FlyteUIError], HTTPStatus] = {
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Invalid: HTTPStatus.BAD_REQUEST,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
TABS = ("overview", "data", "logs", "events")
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


def error_page(request: HttpRequest, error: errors.FlyteUIError) -> HttpResponse:
    status = status_of(error)
    template = "runs/_error.html" if is_fragment(request) else "runs/error.html"
    return render(request, template, {"error": error, "status": status, "home": "/"}, status=status)


def status_of(error: errors.FlyteUIError) -> HTTPStatus:
    known = (code for kind, code in STATUS.items() if isinstance(error, kind))
    return next(known, HTTPStatus.INTERNAL_SERVER_ERROR)


def is_fragment(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """The runs of the default project, in the first domain."""
    return HttpResponseRedirect(pages.runs_path(settings.DEFAULT_PROJECT, settings.DOMAINS[0]))


@require_GET
@page
def run_list(request: HttpRequest, *, project: str, domain: str) -> HttpResponse:
    projects = pages.list_projects()
    if project not in projects and project != settings.DEFAULT_PROJECT:
        raise errors.NotFound(f"project {project!r} does not exist")
    if domain not in settings.DOMAINS:
        raise errors.NotFound(f"domain {domain!r} does not exist; there are {', '.join(settings.DOMAINS)}")
    before = request.GET.get("before", "")
    context = {
        "project": project,
        "domain": domain,
        "projects": [(name, pages.runs_path(name, domain)) for name in projects],
        "domains": [(name, pages.runs_path(project, name)) for name in settings.DOMAINS],
        "runs": pages.list_runs(project, domain, before=before),
        "is_newest": not before,
        "endpoint": settings.PUBLIC_URL,
        "now_ms": to_ms(timezone.now()),
    }
    return render(request, "runs/run_list.html", context)


@require_GET
@page
def run_detail(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """The run page; ?action= selects an action, ?tab= a tab of its panel."""
    snapshot = Snapshot(pages.get_run(RunRef(project, domain, run)))
    snapshot.refresh()
    selected = request.GET.get("action", "")
    total = len(snapshot.places())
    start, stop = tree.window_around(total, snapshot.index_of(selected or ROOT))
    window = snapshot.window(start, stop)
    summary = snapshot.summary()
    context = {
        "summary": summary,
        "project": project,
        "domain": domain,
        "window_html": rows.window_html(window),
        "first": start,
        "shown": stop - start,
        "seq": snapshot.seq,
        "now_ms": to_ms(timezone.now()),
        "selected": selected,
        **(panel_context(summary.head, selected, request.GET.get("tab", "")) if selected else {}),
    }
    return render(request, "runs/run_detail.html", context)


@require_GET
@page
def panel(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """The panel of one action, as a fragment."""
    head = pages.get_run(RunRef(project, domain, run))
    return render(request, "runs/_inspector.html", panel_context(head, action, request.GET.get("tab", "")))


def panel_context(head: pages.RunHead, action: str, tab: str) -> dict[str, Any]:
    found = panels.get_panel(head.id, action)
    tab = tab if tab in TABS else TABS[0]
    context: dict[str, Any] = {"panel": found, "tab": tab, "head": head, "tabs": TABS}
    match tab:
        case "data":
            context["data"] = panels.read_data(found)
        case "logs":
            context["log"] = logs.read_log(found.id)
        case "events":
            context["events"] = panels.list_events(found.id)
    return context


@require_GET
@page
def log_tail(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """Lines after a chunk: 204 when there are none yet, and no further asking once the action has ended."""
    after = request.GET.get("after", "0")
    if not after.isdecimal():
        raise errors.Invalid("after must be a number")
    head = pages.get_run(RunRef(project, domain, run))
    found = panels.get_panel(head.id, action)
    lines = logs.read_log(found.id, after=int(after))
    if not lines.lines and not found.is_terminal:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    return render(request, "runs/_log_tail.html", {"panel": found, "head": head, "log": lines})


@require_GET
@page
def log_file(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """The whole log as plain text."""
    head = pages.get_run(RunRef(project, domain, run))
    text = logs.read_whole_log(panels.get_panel(head.id, action).id)
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


@require_http_methods(["GET", "POST"])
async def abort(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """GET: what an abort would stop, and the form. POST: ask for it; the answer says what was found."""
    ref = RunRef(project, domain, run)
    if request.method == "GET":
        return await abort_form(request, ref=ref)
    action = request.POST.get("action", "")
    reason = request.POST.get("reason", "").strip()
    actor = await actor_of(request)
    try:
        answer = await database.write(
            operations.request_abort, ActionRef(ref, action) if action else ref, reason=reason, actor=actor
        )
    except errors.FlyteUIError as error:
        return error_page(request, error)
    status = HTTPStatus.CONFLICT if answer.outcome == "already_ended" else HTTPStatus.OK
    context = {"answer": answer, "name": action or run, "is_run": not action}
    template = "runs/_abort_answer.html" if is_fragment(request) else "runs/abort.html"
    return render(
        request, template, {**context, "project": project, "domain": domain, "run": run}, status=status
    )


@page
def abort_form(request: HttpRequest, *, ref: RunRef) -> HttpResponse:
    head = pages.get_run(ref)
    action = request.GET.get("action", "")
    preview = previews.preview_abort(head.id, ActionRef(ref, action or ROOT))
    context = {
        "preview": preview,
        "head": head,
        "action": action,
        "project": ref.project,
        "domain": ref.domain,
    }
    return render(request, "runs/_abort_form.html" if is_fragment(request) else "runs/abort.html", context)


@ensure_csrf_cookie
@require_GET
async def preview_aborts(request: HttpRequest, *, project: str, domain: str, run: str) -> JsonResponse:
    """JSON: what a bulk abort would find. The selection is in the query: name (may repeat), phase or group.

    It sets the cookie whose value the POST sends back as X-CSRFToken, so that a script needs no page.
    """

    def count() -> previews.BulkPreview:
        selection = select(
            names=request.GET.getlist("name"),
            phase=request.GET.get("phase", ""),
            group=request.GET.get("group", ""),
        )
        return previews.preview_aborts(pages.get_run(RunRef(project, domain, run)).id, run, selection)

    try:
        return JsonResponse(asdict(await database.read(count)))
    except errors.FlyteUIError as error:
        return json_error(error)


@require_POST
async def request_aborts(request: HttpRequest, *, project: str, domain: str, run: str) -> JsonResponse:
    """JSON: abort a selection of one run. The body has names, phase or group, and may have a reason."""
    try:
        selection, reason = read_selection(request.body)
        answer = await database.write(
            operations.request_aborts,
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
        said = json.loads(body)
    except ValueError as error:
        raise errors.Invalid(f"the body is not JSON: {error}") from error
    if not isinstance(said, dict) or (unknown := said.keys() - {"names", "phase", "group", "reason"}):
        extra = f", not {', '.join(sorted(unknown))}" if isinstance(said, dict) else ""
        raise errors.Invalid(f"the body must be an object of names, phase or group, and reason{extra}")
    names, texts = said.get("names", []), [said.get(key, "") for key in ("phase", "group", "reason")]
    if not isinstance(names, list) or not all(isinstance(one, str) for one in (*names, *texts)):
        raise errors.Invalid("names must be a list of strings; phase, group and reason strings")
    phase, group, reason = texts
    return select(names=names, phase=phase, group=group), reason.strip()


async def actor_of(request: HttpRequest) -> str:
    """Who asks: the user; or what a tool says of itself, which is shown as text and gives no rights."""
    user = await request.auser()
    if user.is_authenticated:
        return user.get_username()
    said = request.headers.get("x-flyteui-actor", "").strip()
    return said[:MAX_ACTOR] if said.isprintable() and said else ANONYMOUS


def json_error(error: errors.FlyteUIError) -> JsonResponse:
    return JsonResponse({"message": error.message}, status=status_of(error))


@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_GET
async def metrics_text(request: HttpRequest) -> HttpResponse:
    """Numbers for Prometheus: of this process since it started, and of the database now."""
    try:
        counts = await database.read(counting.count)
    except errors.Unavailable as error:
        return HttpResponse(
            f"{error}\n", HTTPStatus.SERVICE_UNAVAILABLE, content_type="text/plain; charset=utf-8"
        )
    counts = replace(counts, workers=presence.workers_connected())
    return HttpResponse(metrics.render(counts), content_type=metrics.CONTENT_TYPE)


@require_GET
async def readyz(request: HttpRequest) -> HttpResponse:
    """Whether work can be done here: 503 with what is missing."""
    missing = []
    for check in (health.check_database, storage_is_writable):
        try:
            await database.read(check)
        except Exception as error:
            log.warning("not ready", exc_info=True)
            missing.append(f"{check.__doc__}: {error}")
    if presence.workers_connected() < 1:
        missing.append("no worker is connected; start one with `manage.py worker`")
    text = "".join(f"{line}\n" for line in missing) or "ready\n"
    status = HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def storage_is_writable() -> None:
    """storage"""
    storage.write_bytes(storage.join(settings.STORAGE_URL, ".ready"), b"")
