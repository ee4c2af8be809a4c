"""Answers to conditions."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST

from runs import conditions, database, errors, operations
from runs.names import ActionRef, RunRef
from runs.queries import pages
from runs.views.answers import actor_of, error_page, is_fragment


@require_POST
async def signal(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """Give a condition its value: the field `value`, as a person typed it. 204 to a script, else back to the action."""
    ref = ActionRef(RunRef(project, domain, run), action)
    if (text := request.POST.get("value")) is None:
        return error_page(request, errors.Invalid("the field `value` is missing"))
    try:
        await database.write(
            operations.signal_condition, ref, conditions.Typed(text), actor=await actor_of(request)
        )
    except errors.FlyteUIError as error:
        return error_page(request, error)
    if is_fragment(request):
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    query = urlencode({"action": action})
    return HttpResponseRedirect(f"{pages.run_path(ref.run)}?{query}", status=HTTPStatus.SEE_OTHER)
