"""The code that an action runs, or that a task has: a page of its files, with the task in view, and the bundle as a file."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_GET
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename
from pygments.lexers.special import TextLexer
from pygments.util import ClassNotFound

from runs.domain.names import RunRef
from runs.queries.runs import get_run
from runs.queries.tasks.code import Code, read_archive, read_code, read_code_of
from runs.queries.tasks.task import get_version
from runs.views.errors import reader_view

FORMATTER = HtmlFormatter(nowrap=True, classprefix="tok-")  # the colours are in static/css/tasks/code.css


@require_GET
@reader_view
def code_page(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """The files of the bundle; ?file= shows another one than the task's."""
    head = get_run(RunRef(project, domain, run))
    code = read_code(head.id, action, request.GET.get("file", ""))
    lines = highlighted(code)
    context = {"head": head, "action": action, "code": code, "lines": lines}
    return render(request, "runs/tasks/code.html", context)


@require_GET
@reader_view
def task_code(request: HttpRequest, *, project: str, domain: str, task: str) -> HttpResponse:
    """The files of a version of a task, which may never have run; ?version= and ?file= as on its page and on that of an action."""
    version, spec = get_version(project, domain, task, request.GET.get("version", ""))
    code = read_code_of(spec, request.GET.get("file", ""))
    context = {
        "project": project,
        "domain": domain,
        "code": code,
        "lines": highlighted(code),
        "version": version.version,
        "back": version.path,
    }
    return render(request, "runs/tasks/code.html", context)


@require_GET
@reader_view
def code_archive(request: HttpRequest, *, project: str, domain: str, run: str, action: str) -> HttpResponse:
    """The bundle as the client sent it."""
    name, content = read_archive(get_run(RunRef(project, domain, run)).id, action)
    disposition = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    headers = {"Content-Disposition": disposition, "Cache-Control": "no-store"}
    return HttpResponse(content, content_type="application/octet-stream", headers=headers)


def highlighted(code: Code) -> SafeString | str:
    """The lines of its file as HTML with the kinds of its words, each a span with an id, L-1 and so on; "" for what has no text.

    That in which the task begins has data-begins.
    """
    if code.file is None or not code.text:
        return ""
    try:
        lexer = get_lexer_for_filename(code.file.name, stripnl=False)
    except ClassNotFound:
        lexer = TextLexer(stripnl=False)
    lines = (
        highlight(code.text, lexer, FORMATTER).removesuffix("\n").split("\n")
    )  # Pygments ends its spans with each line
    begins = {code.line: " data-begins"}
    spans = (
        f'<span id="L-{number}"{begins.get(number, "")}>{line}\n</span>'
        for number, line in enumerate(lines, start=1)
    )
    return mark_safe("".join(spans))  # noqa: S308  # Pygments has escaped the text
