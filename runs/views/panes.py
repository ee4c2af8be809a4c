"""The widths of panes that a browser remembers, as a style sheet: no style may stand in a page."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

# The least width of each, in pixels; as templates/runs/run_detail.html says it to split.js.
MIN_PX = {"inspector": 300, "names": 160}
MAX_PX = 4000


@require_GET
def panes(request: HttpRequest) -> HttpResponse:
    """A sheet that sets the widths in ?inspector= and ?names=, but for what is no sane number."""
    rules = " ".join(_rules(request))
    sheet = f":root {{ {rules} }}\n" if rules else ""
    return HttpResponse(
        sheet, content_type="text/css", headers={"Cache-Control": "max-age=31536000, immutable"}
    )


def _rules(request: HttpRequest) -> Iterator[str]:
    for name, least in MIN_PX.items():
        said = request.GET.get(name, "")
        is_number = said.isascii() and said.isdecimal() and len(said) <= len(str(MAX_PX))
        if is_number and least <= int(said) <= MAX_PX:
            yield f"--{name}-px: {int(said)}px;"
