"""The page that lists the runs of a project and domain."""

from __future__ import annotations

from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from runs.domain.addresses.pages import run_list_path
from runs.domain.listings import ME, PHASES, SORTS, SPANS
from runs.domain.phases import Phase
from runs.domain.status import NEEDS_ANSWER
from runs.domain.timeline import to_ms
from runs.queries.run_list import read_page
from runs.views.errors import reader_view
from runs.views.requests import default_project, scope_context, subject_of


@require_GET
@reader_view
def home(request: HttpRequest) -> HttpResponse:
    """The runs of the default project, or of the first one that one may see, in the first domain."""
    return HttpResponseRedirect(run_list_path(default_project(request), settings.DOMAINS[0]))


@require_GET
@reader_view
def run_list(request: HttpRequest, *, project: str, domain: str) -> HttpResponse:
    """The runs that the query asks for (runs/domain/listings.py); ?before= is the cursor of a later page, ?after= of an earlier one."""
    scope = scope_context(request, project, domain, run_list_path)
    before, after = request.GET.get("before", ""), request.GET.get("after", "")
    query, me = request.META["QUERY_STRING"], subject_of(request).owner
    found = read_page(project, domain, query, before, after=after, me=me)
    listing = found["listing"]
    numbers = found["counts"].by_phase
    context = (
        found
        | scope
        | {
            "phases": [
                (one, label_of(one), one in listing.phases, numbers.get(one.slug, 0)) for one in PHASES
            ],
            "spans": [(span, listing.has(span)) for span in SPANS],
            "is_mine": listing.who == ME,
            "sorts": SORTS.items(),
            "is_first": not (before or found["runs"].previous),
            "now_ms": to_ms(timezone.now()),
        }
    )
    status = HTTPStatus.BAD_REQUEST if found["problem"] else HTTPStatus.OK
    return render(request, "runs/run_list.html", context, status=status)


def label_of(phase: Phase) -> str:
    """What the chip of a phase says: that of conditions finds the runs in which one waits."""
    return NEEDS_ANSWER if phase is Phase.PAUSED else phase.label
