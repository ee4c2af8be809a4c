"""The widths of panes that a browser remembers, as a style sheet, because our CSP forbids inline styles."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

# The least width of each, in pixels; the same as in templates/runs/run_detail.html, for split-pane.js.
MIN_PX = {"panel": 300, "names": 160}
MAX_PX = 4000


@require_GET
def pane_widths(request: HttpRequest) -> HttpResponse:
    """A sheet that sets the widths in ?panel= and ?names=, ignoring values out of range."""
    rules = " ".join(_rules(request))
    sheet = f":root {{ {rules} }}\n" if rules else ""
    return HttpResponse(
        sheet, content_type="text/css", headers={"Cache-Control": "max-age=31536000, immutable"}
    )


def _rules(request: HttpRequest) -> Iterator[str]:
    for name, least in MIN_PX.items():
        text = request.GET.get(name, "")
        is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_PX))
        if is_number and least <= int(text) <= MAX_PX:
            yield f"--{name}-px: {int(text)}px;"
