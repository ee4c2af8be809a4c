"""The list of runs, and the page of one run. Reads and renders happen in the reader threads."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from runs import errors, rows
from runs.glance import glance
from runs.listings import PHASES, SORTS
from runs.names import ROOT, RunRef
from runs.queries import lists, pages
from runs.queries.waits import get_unclaimed
from runs.shapes import make_shape
from runs.snapshot import shared
from runs.timeline import to_ms
from runs.views.answers import page
from runs.views.panels import panel_context


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """The runs of the default project, in the first domain."""
    return HttpResponseRedirect(pages.runs_path(settings.DEFAULT_PROJECT, settings.DOMAINS[0]))


@require_GET
@page
def run_list(request: HttpRequest, *, project: str, domain: str) -> HttpResponse:
    """The runs that the query asks for (runs/listings.py); ?before= is the cursor of a later page."""
    projects = pages.list_projects()
    if project not in projects and project != settings.DEFAULT_PROJECT:
        raise errors.NotFound(f"project {project!r} does not exist")
    if domain not in settings.DOMAINS:
        raise errors.NotFound(f"domain {domain!r} does not exist; there are {', '.join(settings.DOMAINS)}")
    before = request.GET.get("before", "")
    found = lists.read_page(project, domain, request.META["QUERY_STRING"], before)
    listing = found["listing"]
    context = found | {
        "phases": [(phase, phase in listing.phases) for phase in PHASES],
        "sorts": SORTS.items(),
        "projects": [(name, pages.runs_path(name, domain)) for name in projects],
        "domains": [(name, pages.runs_path(project, name)) for name in settings.DOMAINS],
        "is_first": not before,
        "now_ms": to_ms(timezone.now()),
    }
    status = HTTPStatus.BAD_REQUEST if found["problem"] else HTTPStatus.OK
    return render(request, "runs/run_list.html", context, status=status)


@require_GET
@page
def run_detail(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """The run page; ?action= selects an action, ?tab= a tab of its panel; ?q=, ?look= and ?started= say which rows are shown."""
    selected = request.GET.get("action", "")
    snapshot = shared.get(pages.get_run(RunRef(project, domain, run)))
    shape = make_shape(
        text=request.GET.get("q", ""),
        looks=request.GET.getlist("look"),
        started=request.GET.get("started") == "1",
    )
    # Where a row lies in a long run that nobody has looked at, only its snapshot knows: the page then opens at the top,
    # and its socket brings it to what it was opened for.
    glanced = None if shape.is_filter or len(snapshot) else glance(snapshot.head)
    seen = glanced or snapshot.see_around(selected or ROOT, shape)
    context = {
        "seen": seen,
        "shape": shape,
        "summary": seen.summary,
        "project": project,
        "domain": domain,
        "window_html": rows.window_html(seen.window),
        "first": seen.start,
        "shown": len(seen.window.rows),
        "seq": seen.seq,
        "now_ms": to_ms(timezone.now()),
        "selected": selected,
        "is_elsewhere": bool(glanced and selected and selected not in seen.window.rows),
        "unclaimed": get_unclaimed(snapshot.head.id) if seen.summary.is_unclaimed else None,
        "older": pages.get_neighbour(snapshot.head, older=True),
        "newer": pages.get_neighbour(snapshot.head, older=False),
        **(_panel(snapshot.head, selected, request) if selected else {}),
    }
    return render(request, "runs/run_detail.html", context)


def _panel(head: pages.RunHead, selected: str, request: HttpRequest) -> dict[str, Any]:
    return panel_context(head, selected, request.GET.get("tab", ""), request.GET.get("attempt", ""))
