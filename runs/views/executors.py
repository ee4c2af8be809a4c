"""The page of the executors, and draining one of them."""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from runs.domain import errors
from runs.domain.timeline import to_ms
from runs.engine.executors import scheduling
from runs.queries import executors
from runs.store import database
from runs.views.errors import error_page, reader_view
from runs.views.requests import actor_of, is_fragment


@require_GET
@reader_view
def executors_page(request: HttpRequest) -> HttpResponse:
    """Pools, their executors, and why actions wait for one."""
    context = {"page": executors.get_executors_page(), "now_ms": to_ms(timezone.now())}
    return render(request, "runs/executors.html", context)


@require_POST
async def drain(request: HttpRequest, *, executor: UUID) -> HttpResponse:
    """Ask an executor to leave once it holds nothing. A fragment to a script, else back to the page."""
    try:
        answer = await database.write(scheduling.drain_executor, executor, actor=await actor_of(request))
    except errors.FlyteUIError as error:
        return error_page(request, error)
    if not is_fragment(request):
        return HttpResponseRedirect(reverse("executors"), status=HTTPStatus.SEE_OTHER)
    context = {"answer": answer, "short": str(executor)[:8]}
    return render(request, "runs/list/_drain_answer.html", context)
