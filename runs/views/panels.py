"""The panel of one action with its tabs and its report; and the fragments of a page that poll."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from runs.domain.addresses.pages import task_path
from runs.domain.errors import Invalid, NotFound
from runs.domain.logs.places import LinePlace, read_place
from runs.domain.names import ActionRef, RunRef
from runs.domain.roles import Subject
from runs.domain.values.compared import compare_path
from runs.queries import declared, panels, reports
from runs.queries.aborts import previews
from runs.queries.conditions.evidence import list_evidence
from runs.queries.logs import action_log
from runs.queries.runs import RunHead, get_run
from runs.queries.tasks.code import read_code
from runs.queries.tasks.details import get_details
from runs.queries.values.shown import for_panel
from runs.queries.values.values import SIDES, read_values
from runs.queries.waits import get_unclaimed
from runs.store import client_config
from runs.tree.snapshot import FAILURES
from runs.views.errors import reader_view
from runs.views.requests import read_number, subject_of
from runs.views.tasks.code import highlighted

OVERVIEW = "overview"
# The template of each tab; what it needs is found in _content.
TEMPLATES = {
    OVERVIEW: "runs/panel/_overview.html",
    "inputs": "runs/panel/_inputs.html",
    "outputs": "runs/panel/_outputs.html",
    "logs": "runs/log/_log.html",
    "attempts": "runs/panel/_attempts.html",
    "code": "runs/tasks/_code.html",
    "details": "runs/tasks/_details.html",
    "events": "runs/panel/_events.html",
    "abort": "runs/panel/_abort.html",
    "report": "runs/panel/_report.html",
}
# A report is untrusted HTML. It runs its own scripts in an origin of its own, and reaches nothing: not our cookies,
# our API, the page around it, nor any other server. What it shows must be in the file.
REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; media-src data: blob:; connect-src 'none'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
# Reports are made for white paper: where the page is dark, they are turned over, and their images turned back. Who cares for a dark
# page itself is left alone.
CARES_FOR_DARK = (b"prefers-color-scheme", b"color-scheme:")
DARK = (
    b"<style>@media (prefers-color-scheme: dark) { html { background: white; filter: invert(0.88) hue-rotate(180deg) } "
    b"img, video, canvas, svg image { filter: invert(1) hue-rotate(180deg) } }</style>"
)


@dataclass(frozen=True, slots=True)
class Tab:
    """One part of the panel. badge: how many there are of what it shows; 0: no number."""

    key: str
    label: str
    badge: int = 0


@require_GET
@reader_view
def panel(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """The panel of one action, as a fragment."""
    head = get_run(RunRef(project, domain, run))
    line = read_place(request.GET["line"]) if "line" in request.GET else None
    asked = Asked(action, request.GET.get("tab", ""), request.GET.get("attempt", ""), line)
    context = panel_context(head, asked, subject_of(request))
    return render(request, "runs/panel/_panel.html", context)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address says of the panel. line: with which the log is shown."""

    action: str
    tab: str = ""
    attempt: str = ""
    line: LinePlace | None = None


def panel_context(head: RunHead, asked: Asked, subject: Subject) -> dict[str, Any]:
    """What runs/panel/_panel.html shows. A tab that the action has not is the overview."""
    found = panels.get_panel(head.id, asked.action)
    report = reports.find_report(found)
    tabs = make_tabs(
        runs_code=found.question is None, is_task=found.kind == "task", attempts=len(found.attempts), has_abort=found.abort is not None,
        has_report=report is not None,
    )  # fmt: skip
    tab = asked.tab if asked.tab in {one.key for one in tabs} else OVERVIEW
    number = attempt_of(asked.attempt) if tab == "logs" else None
    context = {
        "panel": found,
        "head": head,
        "compare": compare_path(ActionRef(head.ref, found.name)) if found.kind == "task" else "",
        "tab": tab,
        "tabs": tabs,
        "template": TEMPLATES[tab],
        "attempt": number,
    }
    if found.status in FAILURES:
        context["beside"] = previews.count_beside(head.id, asked.action)
    if tab == "details":
        context |= {"details": get_details(found.id), "told": declared.get_declarations(found.id)}
    if tab in SIDES:
        context["values"] = for_panel(read_values(head.id, found.name, tab), subject)
    return context | {"report": report} | _content(found, head, tab, number, asked.line)


def _content(
    found: panels.Panel, head: RunHead, tab: str, attempt: int | None, line: LinePlace | None
) -> dict[str, Any]:
    match tab:
        case "logs":
            numbers = list(dict.fromkeys(one.number for one in found.attempts))
            log = (
                action_log.read_around(found.id, line, attempt=attempt)
                if line
                else action_log.read_end(found.id, attempt=attempt)
            )
            return {"log": log, "numbers": numbers, "line": line}
        case "code":
            return _code(head, found.name)
        case "events":
            return {"events": panels.list_events(found.id)}
        case "overview":
            commands = commands_for(head.ref.name, found)
            is_failed = found.status in FAILURES and found.error_code
            culprit = (
                action_log.find_culprit(found.id, found.attempt, found.error_code) if is_failed else None
            )
            return {
                "commands": commands,
                "task_url": task_path(head.ref.project, head.ref.domain, found.task_name)
                if found.kind == "task"
                else "",
                "told": declared.get_declarations(found.id),
                "culprit": culprit,
                "evidence": list_evidence(head.id, found),
            }
    return {}


def _code(head: RunHead, action: str) -> dict[str, Any]:
    """The file of its task; or why there is none, which is no error of who looks at an action."""
    try:
        code = read_code(head.id, action)
    except (Invalid, NotFound) as error:
        return {"missing": str(error)}
    return {"code": code, "lines": highlighted(code)}


def make_tabs(
    *, runs_code: bool, is_task: bool, attempts: int, has_abort: bool, has_report: bool
) -> tuple[Tab, ...]:
    """The tabs of an action: Abort and Report only with content, Code and Details only of a task, a number of attempts only from two on. A condition runs no code."""
    tabs = [Tab(OVERVIEW, "Overview"), Tab("inputs", "Inputs"), Tab("outputs", "Outputs")]
    if runs_code:
        tabs += [Tab("logs", "Logs"), Tab("attempts", "Attempts", attempts if attempts > 1 else 0)]
    if is_task:
        tabs += [Tab("code", "Code"), Tab("details", "Details")]
    tabs.append(Tab("events", "Events"))
    if has_abort:
        tabs.append(Tab("abort", "Abort"))
    if has_report:
        tabs.append(Tab("report", "Report"))
    return tuple(tabs)


def commands_for(run: str, panel: panels.Panel) -> tuple[str, ...]:
    """The flyte commands that do the same from a shell. A condition has no log."""
    verbs = ["get io", "get action"] if panel.question else ["get logs", "get io", "get action"]
    if not panel.is_terminal:
        verbs.insert(0, "abort")
    return tuple(f"{client_config.command()} {verb} {run} {panel.name}" for verb in verbs)


def attempt_of(text: str) -> int | None:
    """The attempt that an address names; None: all. Raises Invalid."""
    return read_number(text, "attempt") if text else None


@require_GET
@reader_view
def waits(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """Why the action waits, as a fragment that asks again; empty once it does not."""
    head = get_run(RunRef(project, domain, run))
    return render(
        request, "runs/panel/_waits.html", {"panel": panels.get_panel(head.id, action), "head": head}
    )


@require_GET
@reader_view
def unclaimed(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """Why no executor has claimed the run, as a fragment that asks again; empty once one has."""
    head = get_run(RunRef(project, domain, run))
    return render(request, "runs/tree/_unclaimed.html", {"unclaimed": get_unclaimed(head.id), "head": head})


@require_GET
@reader_view
def beside(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """How many beside a failed action still live, as a fragment that asks again; empty once none does."""
    head = get_run(RunRef(project, domain, run))
    found = panels.get_panel(head.id, action)
    context = {"panel": found, "head": head, "beside": previews.count_beside(head.id, action)}
    return render(request, "runs/panel/_beside.html", context)


@require_GET
@reader_view
def report(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """The report of the action for the iframe in its tab, under a policy that gives it no access to us."""
    head = get_run(RunRef(project, domain, run))
    content = reports.read_report(panels.get_panel(head.id, action))
    headers = {
        "Content-Security-Policy": REPORT_POLICY,
        "X-Frame-Options": "SAMEORIGIN",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    if not any(words in content for words in CARES_FOR_DARK):
        content += DARK
    return HttpResponse(content, content_type="text/html; charset=utf-8", headers=headers)
