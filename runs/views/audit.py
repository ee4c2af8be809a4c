"""The page of the audit: who did what, and who tried to. For admins; those of a project see what concerns it."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from runs.access import gate
from runs.access.deeds import Deed, Outcome
from runs.domain.roles import Role, projects_with
from runs.domain.timeline import to_ms
from runs.queries.audit import AuditFilter, read_audit
from runs.queries.runs import list_projects
from runs.views.errors import reader_view
from runs.views.requests import ID_DIGITS, read_number, subject_of

FIELDS = ("who", "deed", "project", "outcome")


@require_GET
@reader_view
def audit_page(request: HttpRequest) -> HttpResponse:
    """?who=, ?deed=, ?project= and ?outcome= filter; ?before= is the cursor of a later page."""
    subject = subject_of(request)
    projects = projects_with(subject, Role.ADMIN)
    if not gate.is_admin_somewhere(subject):
        gate.require(subject, Role.ADMIN, None)
    found = read_filter(request.GET)
    page = read_audit(found, projects)
    kept = {name: value for name in FIELDS if (value := getattr(found, name))}
    context = {
        "page": page,
        "filter": found,
        "is_filtered": bool(kept),
        "next_query": urlencode(kept | {"before": page.next}),
        "first_query": urlencode(kept),
        "deeds": [str(deed) for deed in Deed],
        "outcomes": [str(outcome) for outcome in Outcome],
        "projects": list_projects(projects),
        "now_ms": to_ms(timezone.now()),
    }
    return render(request, "runs/audit.html", context)


def read_filter(query: QueryDict) -> AuditFilter:
    """Raises Invalid for a cursor that is none."""
    before = read_number(query.get("before") or "0", "before", digits=ID_DIGITS)
    texts = {name: query.get(name, "").strip()[:255] for name in FIELDS}
    return AuditFilter(**texts, before=before)
