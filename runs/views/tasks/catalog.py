"""The list of tasks of a project and domain, and the page of one task."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from runs.domain import errors
from runs.domain.addresses.pages import launch_path, task_list_path
from runs.domain.specs import MAX_TASK_NAME, read_task_spec
from runs.domain.timeline import to_ms
from runs.launch.start import why_not
from runs.queries.tasks.catalog import SORTS, list_tasks
from runs.queries.tasks.task import get_task_page
from runs.views.errors import reader_view
from runs.views.requests import default_project, read_number, scope_context


@require_GET
@reader_view
def tasks_home(request: HttpRequest) -> HttpResponse:
    """The tasks of the default project, or of the first one that one may see, in the first domain."""
    return HttpResponseRedirect(task_list_path(default_project(request), settings.DOMAINS[0]))


@require_GET
@reader_view
def task_list(request: HttpRequest, *, project: str, domain: str) -> HttpResponse:
    """?q= finds by name, ?sort= orders, ?page= is a later one."""
    scope = scope_context(request, project, domain, task_list_path)
    text, sort = request.GET.get("q", "").strip()[:MAX_TASK_NAME], request.GET.get("sort", "recent")
    if sort not in SORTS:
        raise errors.Invalid(f"there is no order {sort[:80]!r}; there are {', '.join(SORTS)}")
    found = list_tasks(
        project, domain, text=text, sort=sort, page=read_number(request.GET.get("page") or "1", "page")
    )
    context = scope | {
        "found": found,
        "text": text,
        "sort": sort,
        "sorts": SORTS.items(),
        "previous": found.page - 1,
        "next": found.page + 1 if found.page < found.pages else 0,
        "now_ms": to_ms(timezone.now()),
    }
    return render(request, "runs/tasks/list.html", context)


@require_GET
@reader_view
def task_page(request: HttpRequest, *, project: str, domain: str, task: str) -> HttpResponse:
    """?version= shows another version than the newest that was deployed, or that ran."""
    page = get_task_page(project, domain, task, request.GET.get("version", ""))
    context = {
        "page": page,
        "project": project,
        "domain": domain,
        "why_not": why_not(read_task_spec(page.spec)),
        "launch_url": launch_path(project, domain, task, page.version.version),
        "now_ms": to_ms(timezone.now()),
    }
    return render(request, "runs/tasks/task.html", context)
