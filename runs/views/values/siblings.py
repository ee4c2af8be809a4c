"""The table of siblings: a page, sorted by links, and the same as a file of CSV."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from runs.domain.names import RunRef
from runs.domain.timeline import to_ms
from runs.domain.values.grids import read_order
from runs.domain.values.tables import write_csv
from runs.queries.runs import get_run
from runs.queries.values.siblings import read_table
from runs.queries.values.table_page import read_table_page, read_wanted
from runs.views.errors import reader_view


@require_GET
@reader_view
def table(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """?parent= whose children, ?task= and ?group= which of them, ?q= a filter, ?sort= by which column, ?page= which hundred."""
    context = read_table_page(get_run(RunRef(project, domain, run)), request.GET)
    times = {"now_ms": to_ms(timezone.now())}
    return render(request, "runs/values/table.html", context | times)


@require_GET
@reader_view
def table_file(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """The same as CSV: not a page of it, but all that are looked at."""
    head = get_run(RunRef(project, domain, run))
    wanted = read_wanted(request.GET)
    header, rows = read_table(head.id, wanted, read_order(request.GET.get("sort", "")))
    name = f"{run}-{wanted.group or wanted.task or wanted.parent}.csv"
    headers = {
        "Content-Disposition": content_disposition_header(as_attachment=True, filename=name) or "attachment",
        "Cache-Control": "no-store",
    }
    return HttpResponse(
        "".join(write_csv(header, rows)), content_type="text/csv; charset=utf-8", headers=headers
    )
