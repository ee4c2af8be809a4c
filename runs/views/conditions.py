"""The page of what waits for an answer, and the dialog that answers a condition."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from runs.domain import conditions, errors
from runs.domain.addresses.pages import action_path
from runs.domain.names import ActionRef, RunRef
from runs.domain.timeline import to_ms
from runs.engine.conditions import signal_condition
from runs.queries import panels
from runs.queries.conditions.evidence import list_evidence
from runs.queries.conditions.waiting import list_waiting
from runs.queries.runs import get_run
from runs.store import database
from runs.views.errors import error_page, reader_view
from runs.views.requests import actor_of, is_fragment, subject_of


@require_GET
@reader_view
def waiting(request: HttpRequest) -> HttpResponse:
    """The conditions of all runs that the reader may see."""
    context = {"page": list_waiting(subject_of(request)), "now_ms": to_ms(timezone.now())}
    return render(request, "runs/conditions/waiting.html", context)


@require_http_methods(["GET", "POST"])
async def signal(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """GET: what the condition asks, and the form. POST: give it its value, the field `value`, as a person typed it, and perhaps a `comment`.

    A POST is answered with 204 to a script; without one, both lead to the action.
    """
    ref = ActionRef(RunRef(project, domain, run), action)
    if request.method == "GET":
        return await question(request, ref=ref)
    if (text := request.POST.get("value")) is None:
        return error_page(request, errors.Invalid("the field `value` is missing"))
    try:
        actor, comment = await actor_of(request), request.POST.get("comment", "")
        await database.write(signal_condition, ref, conditions.Typed(text), actor=actor, comment=comment)
    except errors.FlyteUIError as error:
        return error_page(request, error)
    if is_fragment(request):
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    return to_action(ref)


@reader_view
def question(request: HttpRequest, *, ref: ActionRef) -> HttpResponse:
    """What the dialog shows: the form of the panel, or what became of the question. ?within=waiting: on the page of all runs."""
    head = get_run(ref.run)
    panel = panels.get_panel(head.id, ref.name)
    if panel.question is None:
        raise errors.NotFound(f"action {ref.name!r} is not a condition")
    if not is_fragment(request):
        return to_action(ref)
    context = {"head": head, "panel": panel, "evidence": list_evidence(head.id, panel)}
    context |= {"is_elsewhere": request.GET.get("within") == "waiting"}
    return render(request, "runs/dialogs/_answer_dialog.html", context)


def to_action(ref: ActionRef) -> HttpResponseRedirect:
    """The run's page with this action in the panel."""
    return HttpResponseRedirect(action_path(ref), status=HTTPStatus.SEE_OTHER)
