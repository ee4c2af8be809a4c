"""The panel of one action, its log and its report."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from runs import errors
from runs.names import RunRef
from runs.queries import logs, pages, panels, previews, reports
from runs.queries.waits import get_unclaimed
from runs.snapshot import FAILURES
from runs.tabs import OVERVIEW, commands_for, make_tabs
from runs.views.answers import page

MAX_DIGITS = 6  # of the number of an attempt
# The template of each tab; what it needs is found in _content.
TEMPLATES = {
    OVERVIEW: "runs/_overview.html",
    "inputs": "runs/_inputs.html",
    "outputs": "runs/_outputs.html",
    "logs": "runs/_log.html",
    "attempts": "runs/_attempts.html",
    "events": "runs/_events.html",
    "abort": "runs/_abort_story.html",
    "report": "runs/_report.html",
}
# A report is a stranger's page. It runs its own scripts in an origin of its own, and reaches nothing: not our cookies,
# our API, the page around it, nor any other server. What it shows must be in the file.
REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; media-src data: blob:; connect-src 'none'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)


@require_GET
@page
def panel(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """The panel of one action, as a fragment."""
    head = pages.get_run(RunRef(project, domain, run))
    context = panel_context(head, action, request.GET.get("tab", ""), request.GET.get("attempt", ""))
    return render(request, "runs/_inspector.html", context)


def panel_context(head: pages.RunHead, action: str, tab: str, attempt: str = "") -> dict[str, Any]:
    """What _inspector.html shows. A tab that the action has not is the overview."""
    found = panels.get_panel(head.id, action)
    report = reports.find_report(found)
    tabs = make_tabs(
        attempts=len(found.attempts), has_abort=found.abort is not None, has_report=report is not None
    )
    tab = tab if tab in {one.key for one in tabs} else OVERVIEW
    number = attempt_of(attempt) if tab == "logs" else None
    context = {
        "panel": found,
        "head": head,
        "tab": tab,
        "tabs": tabs,
        "template": TEMPLATES[tab],
        "attempt": number,
    }
    if found.look in FAILURES:
        context["beside"] = previews.count_beside(head.id, action)
    return context | {"report": report} | _content(found, head, tab, number)


def _content(found: panels.Panel, head: pages.RunHead, tab: str, attempt: int | None) -> dict[str, Any]:
    match tab:
        case "inputs":
            return {"values": panels.read_inputs(found)}
        case "outputs":
            return {"values": panels.read_outputs(found)}
        case "logs":
            numbers = list(dict.fromkeys(line.number for line in found.attempts))
            return {"log": logs.read_log(found.id, attempt=attempt), "numbers": numbers}
        case "events":
            return {"events": panels.list_events(found.id)}
        case "overview":
            return {"commands": commands_for(head.ref.name, found.name, is_live=not found.is_terminal)}
    return {}


def attempt_of(text: str) -> int | None:
    """The attempt that an address names; None: all. Raises Invalid."""
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > MAX_DIGITS:
        raise errors.Invalid("attempt must be a number")
    return int(text)


@require_GET
@page
def waits(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """Why the action waits, as a fragment that asks again; empty once it does not."""
    head = pages.get_run(RunRef(project, domain, run))
    return render(request, "runs/_waits.html", {"panel": panels.get_panel(head.id, action), "head": head})


@require_GET
@page
def unclaimed(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """Why no executor has claimed the run, as a fragment that asks again; empty once one has."""
    head = pages.get_run(RunRef(project, domain, run))
    return render(request, "runs/_unclaimed.html", {"unclaimed": get_unclaimed(head.id), "head": head})


@require_GET
@page
def beside(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """How many beside a failed action still live, as a fragment that asks again; empty once none does."""
    head = pages.get_run(RunRef(project, domain, run))
    found = panels.get_panel(head.id, action)
    context = {"panel": found, "head": head, "beside": previews.count_beside(head.id, action)}
    return render(request, "runs/_beside.html", context)


@require_GET
@page
def log_search(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """The lines of the whole log that hold a text, as a fragment."""
    attempt, text = attempt_of(request.GET.get("attempt", "")), request.GET.get("q", "")
    if not text:
        raise errors.Invalid("q must be the text to search for")
    head = pages.get_run(RunRef(project, domain, run))
    found = logs.search_log(
        panels.get_panel(head.id, action).id, text, attempt=attempt, stream=request.GET.get("stream", "")
    )
    return render(request, "runs/_log_found.html", {"found": found, "text": text})


@require_GET
@page
def log_file(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """The whole log, or that of one attempt, as a file of plain text."""
    attempt = attempt_of(request.GET.get("attempt", ""))
    head = pages.get_run(RunRef(project, domain, run))
    text = logs.read_whole_log(panels.get_panel(head.id, action).id, attempt=attempt)
    name = f"{run}-{action}-{attempt}.log.txt" if attempt else f"{run}-{action}.log.txt"
    headers = {
        "Content-Disposition": content_disposition_header(as_attachment=True, filename=name) or "attachment"
    }
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)


@require_GET
@page
def report(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """The report of the action for the frame in its tab, with a policy that leaves it no rights of ours."""
    head = pages.get_run(RunRef(project, domain, run))
    content = reports.read_report(panels.get_panel(head.id, action))
    headers = {
        "Content-Security-Policy": REPORT_POLICY,
        "X-Frame-Options": "SAMEORIGIN",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return HttpResponse(content, content_type="text/html; charset=utf-8", headers=headers)
