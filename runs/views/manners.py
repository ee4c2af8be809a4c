"""The button in the panel that lets a task share a process again."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from runs.domain import errors
from runs.domain.names import ActionRef, RunRef
from runs.engine import manners
from runs.store import database
from runs.views.conditions import to_action
from runs.views.errors import error_page
from runs.views.requests import is_fragment


@require_POST
async def share(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """Forget what the task of this action did. A fragment to a script, else back to the action."""
    ref = ActionRef(RunRef(project, domain, run), action)
    try:
        forgotten = await database.write(manners.forget, ref)
    except errors.FlyteUIError as error:
        return error_page(request, error)
    if not is_fragment(request):
        return to_action(ref)
    context = {"name": forgotten.task_name, "was_known": forgotten.was_known}
    return render(request, "runs/dialogs/_share_answer.html", context)
