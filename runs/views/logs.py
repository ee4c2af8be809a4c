"""The log of one action: parts of it, what a search finds in it, and the whole of it as a file; and the log of a run."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from runs.domain import errors
from runs.domain.logs.levels import LEVELS
from runs.domain.logs.places import LinePlace, read_place
from runs.domain.names import RunRef
from runs.domain.phases import Phase
from runs.domain.timeline import to_ms
from runs.queries import panels
from runs.queries.logs import action_log, run_log
from runs.queries.runs import RunHead, get_run
from runs.views.errors import reader_view
from runs.views.panels import attempt_of

PARTS = ("before", "after", "around")
FILTERS = ("q", "task", "phase", "level")  # of the log of a run


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


@require_GET
@reader_view
def run_log_page(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """The last lines of a run; those `before` a place, or with the `line` at a place; ?q=, ?task=, ?phase= and ?level= say which."""
    head = get_run(RunRef(project, domain, run))
    goes_on = run_log.is_live(head.id)  # read first: what is printed before an end is there by the end
    wanted, line = run_log.read_wanted(request.GET.dict()), request.GET.get("line", "")
    asked = {name: request.GET[name] for name in ("before", "line") if name in request.GET}
    log = _part_of_run(head, wanted, {"around" if name == "line" else name: at for name, at in asked.items()})
    phases = [phase for phase in Phase if phase is not Phase.RECOVERED]
    filters = urlencode({name: request.GET[name] for name in FILTERS if request.GET.get(name)})
    context = {
        "head": head,
        "log": log,
        "wanted": wanted,
        "filters": filters,
        "line": line,
        "is_line_gone": line and all(str(one.line.place) != line for one in log.lines),
        "is_live": goes_on,
        "tasks": run_log.list_tasks(head.id),
        "phases": phases,
        "levels": LEVELS[1:],
        "origin_ms": to_ms(head.created_at),
        "now_ms": to_ms(timezone.now()),
    }
    return render(request, "runs/log/run_log.html", context)


@require_GET
@reader_view
def run_log_lines(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """A part of the log of a run, as a fragment: `before`, `after` or `around` a place; without one, the end."""
    head = get_run(RunRef(project, domain, run))
    asked = {name: request.GET[name] for name in PARTS if name in request.GET}
    log = _part_of_run(head, run_log.read_wanted(request.GET.dict()), asked)
    return render(request, "runs/log/_run_lines.html", {"head": head, "log": log})


def _part_of_run(head: RunHead, wanted: run_log.Wanted, asked: dict[str, str]) -> run_log.RunLog:
    match {name: read_place(text) for name, text in asked.items()}:
        case {"before": place}:
            return run_log.read_before(head.id, wanted, place)
        case {"after": place}:
            return run_log.read_after(head.id, wanted, place)
        case {"around": place}:
            return run_log.read_around(head.id, wanted, place)
    return run_log.read_before(head.id, wanted, most=action_log.ON_A_PAGE)
