"""The page that compares two runs or two actions, and the one that asks with what."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_GET
from pygments import highlight
from pygments.lexers import get_lexer_for_filename
from pygments.lexers.special import TextLexer
from pygments.util import ClassNotFound

from runs.domain.errors import Invalid
from runs.domain.names import ROOT, ActionRef, RunRef
from runs.domain.values.compared import compare_path, read_compared
from runs.domain.values.differences import MAX_FILES, FileDifference
from runs.queries.values.compare import compare, get_side, suggest
from runs.views.errors import reader_view
from runs.views.requests import subject_of
from runs.views.tasks.code import FORMATTER


@dataclass(frozen=True, slots=True)
class DiffLine:
    """kind: equal | delete | insert | gap; number: of the line on its side."""

    kind: str
    number: int
    html: SafeString | str


@require_GET
@reader_view
def compare_page(request: HttpRequest) -> HttpResponse:
    """?a= and ?b=: what is compared, as runs.domain.values.compared.py writes it. Without b: with what?"""
    subject = subject_of(request)
    if not request.GET.get("a"):
        raise Invalid("choose two runs in the list of runs, or Compare with… in the panel of an action")
    a = get_side(read_compared(request.GET["a"]), subject)
    if not request.GET.get("b"):
        found = [(one, compare_path(a.ref, one.ref)) for one in suggest(a)]
        return render(request, "runs/compare/compare_with.html", {"a": a, "suggestions": found})
    found_pair = compare(a, get_side(read_compared(request.GET["b"], a.ref.run), subject), subject)
    shown = [(file, list(diff_lines(file))) for file in found_pair.code.files[:MAX_FILES]]
    context = {
        "compared": found_pair,
        "files": shown,
        "more_files": len(found_pair.code.files) > MAX_FILES,
        "turned": compare_path(found_pair.b.ref, a.ref),
        "with_other": compare_path(a.ref),
    }
    return render(request, "runs/compare/compare.html", context)


@require_GET
@reader_view
def compare_runs(request: HttpRequest, *, project: str, domain: str) -> HttpResponse:
    """From the list of runs: leads to the comparison of the two that are selected, the older one first, as the list has it below."""
    names = request.GET.getlist("name")
    if len(names) != 2:
        raise Invalid(f"select two runs to compare; {len(names)} are selected")
    newer, older = (ActionRef(RunRef(project, domain, name), ROOT) for name in names)
    return HttpResponseRedirect(compare_path(older, newer))


def diff_lines(file: FileDifference) -> list[DiffLine]:
    """The lines of what differs, in the colours of their language, with a gap between those that are apart."""
    if not file.hunks:
        return []
    a, b = _coloured(file.name, file.a or ""), _coloured(file.name, file.b or "")
    lines: list[DiffLine] = []
    for at, hunk in enumerate(file.hunks):
        if at:
            lines.append(DiffLine("gap", 0, ""))
        for change in hunk:
            side, places = (a, change.a) if change.kind == "delete" else (b, change.b)
            lines += [DiffLine(change.kind, place + 1, side[place]) for place in places]
    return lines


def _coloured(name: str, text: str) -> list[SafeString]:
    """Each line as HTML. Those of Pygments, which ends its spans with each line, are those of `splitlines` for what has plain line ends."""
    text = "\n".join(text.splitlines())
    try:
        lexer = get_lexer_for_filename(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        lexer = TextLexer(stripnl=False, ensurenl=False)
    lines = highlight(text, lexer, FORMATTER).split("\n")
    return [mark_safe(line) for line in lines]  # noqa: S308  # Pygments has escaped the text
