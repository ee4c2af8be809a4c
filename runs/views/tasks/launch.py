"""The form that launches a task: that of *Run again…*, filled with the task's defaults."""

from __future__ import annotations

from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from runs.domain import errors
from runs.domain.addresses.pages import launch_path, run_path, task_path
from runs.launch import forms
from runs.launch.start import Launch, launch_task, read_launch
from runs.queries.tasks.task import list_versions
from runs.store import database
from runs.views.errors import error_page, status_of
from runs.views.requests import subject_of
from runs.views.tasks.uploads import take_files


@require_http_methods(["GET", "POST"])
async def launch(request: HttpRequest, *, project: str, domain: str, task: str) -> HttpResponse:
    """GET: the form of a version. POST: create the run, and go to it."""
    fields = request.POST if request.method == "POST" else request.GET
    try:
        found = await database.read(read_launch, project, domain, task, fields.get("version", ""))
    except errors.FlyteUIError as error:
        return error_page(request, error)
    if request.method == "GET":
        return await show(request, found, forms.read_form(found))
    posted, problems = await take_files(request, forms.read_form(found), project, domain)
    form = forms.read_form(found, posted).with_file_errors(problems)
    if not form.is_valid:
        return await show(request, found, form, HTTPStatus.BAD_REQUEST)
    try:
        new = await launch_task(found, form.changes, created_by=subject_of(request).owner)
    except errors.AlreadyExists as error:
        return await show(request, found, form.with_name_error(error.message), HTTPStatus.CONFLICT)
    except errors.FlyteUIError as error:
        return await show(request, found, form.with_error(error.message), status_of(error))
    return HttpResponseRedirect(run_path(new), status=HTTPStatus.SEE_OTHER)


async def show(
    request: HttpRequest, found: Launch, form: forms.LaunchForm, status: HTTPStatus = HTTPStatus.OK
) -> HttpResponse:
    of = found.project, found.domain, found.name
    context = {
        "form": form,
        "launch": found,
        "project": found.project,
        "most_bytes": settings.MAX_UPLOAD_BYTES,
        "domain": found.domain,
        "title": found.task.short_name or found.name.rpartition(".")[2],
        "versions": await database.read(list_versions, *of),
        "url": launch_path(*of),
        "hidden": {"version": found.version.version},
        "verb": "Launch",
        "was": "The default is" if found.version.deployed_at else "It was",
        "can_recover": False,
        "back": task_path(*of, found.version.version),
    }
    return render(request, "runs/launch/launch.html", context, status=status)
