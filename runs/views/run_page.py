"""The page of one run, and its minimap."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from runs.domain.logs.places import LinePlace, read_place
from runs.domain.names import ROOT, ActionRef, RunRef
from runs.domain.timeline import between_ms, to_ms
from runs.domain.values.compared import compare_path, read_compared
from runs.queries.failures.causes import find_cause, find_place
from runs.queries.logs.action_log import find_line
from runs.queries.rows import find_seq
from runs.queries.runs import RELATIONS, Relations, RunHead, get_neighbour, get_relations, get_run, get_state
from runs.queries.values.run_reports import may_have_reports
from runs.queries.waits import get_unclaimed
from runs.tree import minimap
from runs.tree.filter import EVERYTHING, make_filter
from runs.tree.first_paint import read_first_paint
from runs.tree.render import window_html
from runs.tree.snapshots import shared
from runs.views import panels
from runs.views.errors import reader_view
from runs.views.panels import panel_context
from runs.views.requests import subject_of


@require_GET
@reader_view
def run_page(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """The run page; ?action= selects an action, ?tab= a tab of its panel, ?line= a line of a log, which says whose it is.

    ?q=, ?look= and ?started= filter the rows, ?sort= sorts siblings.
    """
    head = get_run(RunRef(project, domain, run))
    asked = _asked(head, request.GET)
    selected = asked.action
    snapshot = shared.get(head)
    row_filter = make_filter(
        text=request.GET.get("q", ""),
        statuses=request.GET.getlist("look"),
        started=request.GET.get("started") == "1",
        sort=request.GET.get("sort", ""),
    )
    # Only a snapshot has the place of a row. Without one, the page of a long run opens at the top, and its feed then moves
    # the window to the selected action.
    first_paint = None if row_filter != EVERYTHING or len(snapshot) else read_first_paint(snapshot.head)
    page = first_paint or snapshot.page_around(selected or ROOT, row_filter)
    context = {
        "page": page,
        "filter": row_filter,
        "summary": page.summary,
        "project": project,
        "domain": domain,
        "window_html": window_html(page.window),
        "first": page.start,
        "shown": len(page.window.rows),
        "seq": page.seq,
        "now_ms": to_ms(timezone.now()),
        "selected": selected,
        "unknown_action": asked.unknown,
        "is_elsewhere": bool(first_paint and selected and selected not in page.window.rows),
        "unclaimed": get_unclaimed(snapshot.head.id) if page.summary.is_unclaimed else None,
        "older": get_neighbour(snapshot.head, older=True),
        "newer": get_neighbour(snapshot.head, older=False),
        "relations": (relations := get_relations(snapshot.head)),
        "compare_path": compare_with_source(head, relations),
        "has_reports": may_have_reports(head.id),
        "is_line_gone": asked.is_line_gone,
        **(panel_context(snapshot.head, asked.panel, subject_of(request)) if selected else {}),
    }
    return render(request, "runs/run_detail.html", context)


def compare_with_source(head: RunHead, relations: Relations) -> str:
    """The comparison of a rerun with what it is a rerun of, "" for any other run."""
    source = relations.source
    if source is None or not source.path or relations.words == RELATIONS["spawn"]:
        return ""
    return compare_path(read_compared(source.path), ActionRef(head.ref, ROOT))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the address says of the panel. unknown: an action that the run does not have, perhaps not yet."""

    action: str
    tab: str
    attempt: str
    line: LinePlace | None = None
    is_line_gone: bool = False
    unknown: str = ""

    @property
    def panel(self) -> panels.Asked:
        return panels.Asked(self.action, self.tab, self.attempt, self.line)


def _asked(head: RunHead, query: QueryDict) -> _Asked:
    """A line is enough: it says of which action and attempt it is, whatever else the address says."""
    asked = _Asked(query.get("action", ""), query.get("tab", ""), query.get("attempt", ""))
    if asked.action and find_seq(head.id, asked.action) is None:
        asked = replace(asked, action="", unknown=asked.action)
    if not (text := query.get("line", "")):
        return asked
    place = read_place(text)
    found = find_line(head.id, place)
    if found is None:
        return replace(asked, action=asked.action or ROOT, tab="logs", is_line_gone=True)
    action, attempt = found
    return _Asked(action, "logs", asked.attempt if asked.attempt == str(attempt) else "", place)


@require_GET
@reader_view
def first_failure(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """Leads to the traceback of what failed first, in its log; where its log has none to its panel, without a failure to the run."""
    head = get_run(RunRef(project, domain, run))
    cause = find_cause(head.id)
    if cause is None:
        return HttpResponseRedirect(head.path)
    name, line = find_place(head.id, cause)
    query = {"action": name} | ({"tab": "logs", "line": str(line)} if line else {})
    return HttpResponseRedirect(f"{head.path}?{urlencode(query)}")


@require_GET
@reader_view
def run_state(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """What the run has come to, for the scripts of whoever watches it."""
    state = get_state(get_run(RunRef(project, domain, run)))
    found = {"status": state.status, "label": state.label, "task": state.task, "error": state.error}
    return JsonResponse(found | {"isOver": state.is_over}, headers={"Cache-Control": "no-store"})


@require_GET
@reader_view
def minimap_fragment(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """The minimap as it is now, as a fragment: the page asks for it once it shows, and when the run has changed."""
    head = get_run(RunRef(project, domain, run))
    now_ms = between_ms(head.created_at, timezone.now())
    found = minimap.shared.get(shared.get(head), now_ms)
    return render(request, "runs/time/_minimap_drawing.html", {"minimap": found})
