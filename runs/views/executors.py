"""The page of the executors, and what can be done to one."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from runs import database, dispatch, errors
from runs.queries import executors
from runs.timeline import to_ms
from runs.views.answers import actor_of, error_page, is_fragment, page


@require_GET
@page
def fleet(request: HttpRequest) -> HttpResponse:
    """Pools, executors, and why what waits does so."""
    context = {"fleet": executors.get_fleet(), "now_ms": to_ms(timezone.now())}
    return render(request, "runs/executors.html", context)


@require_POST
async def drain(request: HttpRequest, *, executor: UUID) -> HttpResponse:
    """Ask an executor to leave once it holds nothing. A fragment to a script, else back to the page."""
    try:
        answer = await database.write(dispatch.drain_executor, executor, actor=await actor_of(request))
    except errors.FlyteUIError as error:
        return error_page(request, error)
    if not is_fragment(request):
        return HttpResponseRedirect(reverse("executors"), status=HTTPStatus.SEE_OTHER)
    context = {"answer": answer, "short": str(executor)[:8]}
    return render(request, "runs/_drain_answer.html", context)
