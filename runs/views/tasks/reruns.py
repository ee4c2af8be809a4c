"""The form that runs a run, or one of its actions, again. A whole page: it works without JavaScript and on a narrow screen."""

from __future__ import annotations

from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from runs.domain import errors
from runs.domain.addresses.pages import action_path, rerun_path, run_path
from runs.domain.names import ROOT, ActionRef, RunRef
from runs.launch import forms
from runs.launch.rerun import Source, read_source, rerun
from runs.store import database
from runs.views.errors import error_page, status_of
from runs.views.requests import subject_of
from runs.views.tasks.uploads import take_files


@require_http_methods(["GET", "POST"])
async def run_again(request: HttpRequest, *, project: str, domain: str, run: str) -> HttpResponse:
    """GET: the form, with what `action` (the root without it) ran with. POST: create the run, and go to it."""
    fields = request.POST if request.method == "POST" else request.GET
    ref = ActionRef(RunRef(project, domain, run), fields.get("action") or ROOT)
    try:
        source = await database.read(read_source, ref)
    except errors.FlyteUIError as error:
        return error_page(request, error)
    if request.method == "GET":
        return show(request, source, forms.read_form(source))
    posted, problems = await take_files(request, forms.read_form(source), project, domain)
    form = forms.read_form(source, posted).with_file_errors(problems)
    if not form.is_valid:
        return show(request, source, form, HTTPStatus.BAD_REQUEST)
    try:
        new = await rerun(source, form.changes, created_by=subject_of(request).owner)
    except errors.AlreadyExists as error:
        return show(request, source, form.with_name_error(error.message), HTTPStatus.CONFLICT)
    except errors.FlyteUIError as error:
        return show(request, source, form.with_error(error.message), status_of(error))
    return HttpResponseRedirect(run_path(new), status=HTTPStatus.SEE_OTHER)


def show(
    request: HttpRequest, source: Source, form: forms.LaunchForm, status: HTTPStatus = HTTPStatus.OK
) -> HttpResponse:
    ref, template = source.ref, source.task.task_template
    context = {
        "form": form,
        "ref": ref,
        "project": ref.run.project,
        "most_bytes": settings.MAX_UPLOAD_BYTES,
        "domain": ref.run.domain,
        "title": source.task.short_name or template.id.name.rpartition(".")[2],
        "task_name": template.id.name,
        "is_root": source.is_root,
        "are_inputs_gone": source.inputs is None,
        "url": rerun_path(ActionRef(ref.run)),
        "hidden": {} if source.is_root else {"action": ref.name},
        "verb": "Run again",
        "was": "It was",
        "can_recover": source.is_root,
        "back": run_path(ref.run) if source.is_root else action_path(ref),
    }
    return render(request, "runs/launch/rerun.html", context, status=status)
