"""Aborts from a list of the admin site: a page that says what would stop and asks why, and the aborts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from runs.access.deeds import Deed
from runs.admin.audited import Audited, actor_of, tell
from runs.domain.errors import FlyteUIError
from runs.domain.names import ActionRef, RunRef
from runs.engine.aborts import MAX_REASON, request_abort

MAX_LISTED = 20  # names on the page that asks
Ref = RunRef | ActionRef


def ask_and_abort(
    request: HttpRequest, model_admin: Audited, live: Sequence[Ref], *, ended: int
) -> HttpResponse | None:
    """The page that asks, or, once it was answered, the aborts of what is live; `ended` is how many of the selected are not."""
    if not live:
        model_admin.message_user(request, "Nothing to abort: what was selected has ended.", messages.WARNING)
        return None
    if "confirmed" in request.POST:
        abort_all(request, model_admin, live, reason=request.POST.get("reason", "").strip())
        return None
    return TemplateResponse(
        request,
        "admin/abort_selected.html",
        {
            **model_admin.admin_site.each_context(request),
            "title": "Abort selected",
            "opts": model_admin.opts,
            "listed": live[:MAX_LISTED],
            "more": max(0, len(live) - MAX_LISTED),
            "ended": ended,
            "checkbox": ACTION_CHECKBOX_NAME,
            "chosen": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "across": request.POST.get("select_across", ""),
            "max_reason": MAX_REASON,
        },
    )


def abort_all(request: HttpRequest, model_admin: Audited, refs: Iterable[Ref], *, reason: str) -> None:
    """Abort each, as the person who is signed in, and report the outcomes."""
    outcomes: list[str] = []
    for ref in refs:
        try:
            answer = request_abort(ref, reason=reason, actor=actor_of(request))
        except FlyteUIError as error:
            model_admin.message_user(request, f"{ref}: {error}", messages.ERROR)
        else:
            outcomes.append(answer.outcome)
            run = ref.run if isinstance(ref, ActionRef) else ref
            tell(request, Deed.ABORT, target=str(ref), project=run.project, note=reason)
    model_admin.message_user(request, f"Abort: {describe(outcomes)}.")


def describe(outcomes: Iterable[str]) -> str:
    """How often each outcome came: `2 requested, 1 already ended`."""
    counted = Counter(outcomes).items()
    return ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in counted) or "nothing"
