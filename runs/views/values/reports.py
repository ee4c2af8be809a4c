"""The reports of a run: each on a page of its own, in a frame without rights, and the list of them all."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from runs.domain.errors import NotFound
from runs.domain.names import RunRef
from runs.queries import panels
from runs.queries.reports import find_report
from runs.queries.runs import get_run
from runs.queries.values.run_reports import list_reports
from runs.views.errors import reader_view
from runs.views.requests import ID_DIGITS, read_number


@require_GET
@reader_view
def report_page(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """The report of an action with the width and height of the window."""
    head = get_run(RunRef(project, domain, run))
    panel = panels.get_panel(head.id, action)
    report = find_report(panel)
    if report is None:
        raise NotFound(f"action {panel.name!r} has no report")
    return render(request, "runs/values/report.html", {"head": head, "panel": panel, "report": report})


@require_GET
@reader_view
def run_reports(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """The actions of a run that write reports, page by page; ?after= goes on behind an action."""
    head = get_run(RunRef(project, domain, run))
    after = read_number(request.GET.get("after") or "0", "after", digits=ID_DIGITS)
    return render(
        request, "runs/values/reports.html", {"head": head, "reports": list_reports(head.id, after)}
    )
