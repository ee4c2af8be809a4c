"""The log of one action: parts of it, what a search finds in it, and the whole of it as a file."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from runs.domain import errors
from runs.domain.logs.places import LinePlace, read_place
from runs.domain.names import RunRef
from runs.queries import panels
from runs.queries.logs import action_log
from runs.queries.runs import get_run
from runs.views.errors import reader_view
from runs.views.panels import attempt_of

PARTS = ("before", "after", "around")


@require_GET
@reader_view
def log_lines(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """A part of the log, as a fragment: `before` or `around` the place of a line, `after` an offset; without one, the end."""
    attempt = attempt_of(request.GET.get("attempt", ""))
    asked = {name: read_place(request.GET[name]) for name in PARTS if name in request.GET}
    head = get_run(RunRef(project, domain, run))
    log = _read_part(panels.get_panel(head.id, action).id, attempt, asked)
    return render(request, "runs/log/_lines.html", {"log": log})


def _read_part(action_id: int, attempt: int | None, asked: dict[str, LinePlace]) -> action_log.Log:
    match asked:
        case {"before": place}:
            return action_log.read_before(action_id, place, attempt=attempt)
        case {"after": place}:
            return action_log.read_after(
                action_id, action_log.LogOffset(place.chunk, place.number), attempt=attempt
            )
        case {"around": place}:
            return action_log.read_around(action_id, place, attempt=attempt)
    return action_log.read_end(action_id, attempt=attempt)


@require_GET
@reader_view
def log_search(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """The lines of the whole log that hold a text, as a fragment."""
    attempt, text = attempt_of(request.GET.get("attempt", "")), request.GET.get("q", "")
    if not text:
        raise errors.Invalid("q must be the text to search for")
    head = get_run(RunRef(project, domain, run))
    found = action_log.search_log(
        panels.get_panel(head.id, action).id, text, attempt=attempt, stream=request.GET.get("stream", "")
    )
    return render(request, "runs/log/_found_lines.html", {"found": found, "text": text})


@require_GET
@reader_view
def log_file(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """The whole log, or that of one attempt, as a file of plain text."""
    attempt = attempt_of(request.GET.get("attempt", ""))
    head = get_run(RunRef(project, domain, run))
    text = action_log.read_whole_log(panels.get_panel(head.id, action).id, attempt=attempt)
    name = f"{run}-{action}-{attempt}.log.txt" if attempt else f"{run}-{action}.log.txt"
    headers = {
        "Content-Disposition": content_disposition_header(as_attachment=True, filename=name) or "attachment",
        "Cache-Control": "no-store",
    }
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)
