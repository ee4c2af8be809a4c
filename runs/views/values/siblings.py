"""The table of siblings: a page, sorted by links, and the same as a file of CSV."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from runs.domain.names import ROOT, RunRef
from runs.domain.values.grids import read_order
from runs.domain.values.tables import write_csv
from runs.queries.runs import get_run
from runs.queries.values.siblings import MOST, Wanted, fixed_headers, list_siblings, read_table
from runs.views.errors import reader_view

MAX_DIGITS = 6


@require_GET
@reader_view
def table(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """?parent= whose children, ?task= and ?group= which of them, ?sort= by which column, ?page= which hundred."""
    head = get_run(RunRef(project, domain, run))
    order = read_order(request.GET.get("sort", ""))
    found = list_siblings(head.id, _wanted(request.GET), order, _page(request.GET))
    asked = {"parent": found.wanted.parent, "task": found.task}
    asked |= {"group": found.wanted.group} if found.wanted.group else {}
    sorted_by = {"sort": order.text} if order.key else {}
    context = {
        "head": head,
        "siblings": found,
        "fixed": fixed_headers(order),
        "order": order,
        "most": MOST,
        "query": urlencode(asked),
        "sorted_query": urlencode(asked | sorted_by),
    }
    return render(request, "runs/values/table.html", context)


@require_GET
@reader_view
def table_file(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """The same as CSV: not a page of it, but all that are looked at."""
    head = get_run(RunRef(project, domain, run))
    wanted = _wanted(request.GET)
    header, rows = read_table(head.id, wanted, read_order(request.GET.get("sort", "")))
    name = f"{run}-{wanted.group or wanted.task or wanted.parent}.csv"
    headers = {
        "Content-Disposition": content_disposition_header(as_attachment=True, filename=name) or "attachment",
        "Cache-Control": "no-store",
    }
    return HttpResponse(
        "".join(write_csv(header, rows)), content_type="text/csv; charset=utf-8", headers=headers
    )


def _wanted(query: QueryDict) -> Wanted:
    return Wanted(query.get("parent") or ROOT, query.get("task", ""), query.get("group", ""))


def _page(query: QueryDict) -> int:
    """The first one for what is no number."""
    text = query.get("page", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else 1
