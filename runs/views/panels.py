"""The panel of one action, and its log."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from runs import errors
from runs.names import RunRef
from runs.queries import logs, pages, panels, previews
from runs.snapshot import FAILURES
from runs.views.answers import page

TABS = ("overview", "data", "logs", "events")


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
    if found.look in FAILURES:
        context["beside"] = previews.count_beside(head.id, action)
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
def waits(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """Why the action waits, as a fragment that asks again; empty once it does not."""
    head = pages.get_run(RunRef(project, domain, run))
    return render(request, "runs/_waits.html", {"panel": panels.get_panel(head.id, action), "head": head})


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
