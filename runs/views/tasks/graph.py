"""The graph of a run: its tasks, each once. Short, because the query has all that the page shows."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from runs.domain.names import RunRef
from runs.queries.runs import get_run
from runs.queries.tasks.graph import get_graph
from runs.views.errors import reader_view


@require_GET
@reader_view
def run_graph(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """The graph as it is now; its socket keeps it so."""
    head = get_run(RunRef(project, domain, run))
    return render(request, "runs/tasks/graph.html", {"head": head, "graph": get_graph(head.id)})
