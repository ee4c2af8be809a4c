"""Aborts of several runs at once, from their list: the dialog and its answer."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from runs.domain import errors
from runs.domain.names import RunRef, check_run_name
from runs.engine.aborts import request_abort
from runs.queries.aborts import previews
from runs.store import database
from runs.views.errors import error_page, reader_view
from runs.views.requests import actor_of, respond

MAX_RUNS = 500  # in one request
FORM = "runs/dialogs/_abort_runs_form.html"
ANSWER = "runs/dialogs/_abort_runs_answer.html"


@dataclass(frozen=True, slots=True)
class RunsAnswer:
    """What aborts of several runs found: runs by outcome; of those asked, actions that were reached and that stopped at once."""

    asked: int
    reached: int
    stopped: int
    already_asked: int
    already_ended: int
    missing: int


@require_http_methods(["GET", "POST"])
async def abort_runs(request: HttpRequest, *, project: str, domain: str) -> HttpResponse:
    """GET: what an abort of these runs would stop, and the form. POST: ask for it, one run after another.

    The runs are `name` (may repeat) or `names` (separated by spaces). Each has a transaction of its own: one that has
    ended meanwhile stops none of the others.
    """
    if request.method == "GET":
        return await abort_form(request, project=project, domain=domain)
    try:
        names = read_names(request.POST.getlist("name"), request.POST.get("names", ""))
        reason, actor = request.POST.get("reason", "").strip(), await actor_of(request)
        answer = await ask([RunRef(project, domain, name) for name in names], reason=reason, actor=actor)
    except errors.FlyteUIError as error:
        return error_page(request, error)
    outcome = "requested" if answer.asked else "nothing"
    context = {"answer": answer, "outcome": outcome, "project": project, "domain": domain}
    return respond(request, context | {"fragment": ANSWER}, fragment=ANSWER, page="runs/abort_runs.html")


async def ask(runs: list[RunRef], *, reason: str, actor: str) -> RunsAnswer:
    """Abort each run, and count what was found. Raises Invalid before anything was asked."""
    outcomes: Counter[str] = Counter()
    reached = stopped = 0
    for run in runs:
        try:
            answer = await database.write(request_abort, run, reason=reason, actor=actor)
        except errors.NotFound:
            outcomes["missing"] += 1
            continue
        outcomes[answer.outcome] += 1
        reached, stopped = reached + answer.reached, stopped + answer.stopped
    return RunsAnswer(
        outcomes["requested"], reached, stopped, outcomes["already_requested"], outcomes["already_ended"],
        outcomes["missing"],
    )  # fmt: skip


@reader_view
def abort_form(request: HttpRequest, *, project: str, domain: str) -> HttpResponse:
    names = read_names(request.GET.getlist("name"), request.GET.get("names", ""))
    preview = previews.preview_runs(project, domain, names)
    context = {
        "project": project, "domain": domain, "names": names, "preview": preview, "counts": preview.counts,
    }  # fmt: skip
    return respond(request, context | {"fragment": FORM}, fragment=FORM, page="runs/abort_runs.html")


def read_names(repeated: list[str], joined: str) -> list[str]:
    """The runs that are meant, each once, in their order. Raises Invalid."""
    names = list(dict.fromkeys([*repeated, *joined.split()]))
    if not names:
        raise errors.Invalid("select at least one run")
    if len(names) > MAX_RUNS:
        raise errors.Invalid(f"{len(names)} runs are selected; at most {MAX_RUNS} are taken in one step")
    return [check_run_name(name) for name in names]
