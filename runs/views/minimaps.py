"""The strip over a run's tree."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from runs import minimap, snapshot
from runs.names import RunRef
from runs.queries import pages
from runs.timeline import between_ms
from runs.views.answers import page


@require_GET
@page
def show(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """The strip as it is now, as a fragment: the page asks for it once it shows, and when the run has changed."""
    head = pages.get_run(RunRef(project, domain, run))
    now_ms = between_ms(head.created_at, timezone.now())
    found = minimap.shared.get(snapshot.shared.get(head), now_ms)
    return render(request, "runs/_minimap.html", {"map": found})
