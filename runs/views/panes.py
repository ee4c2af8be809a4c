"""The width of the panel that a browser remembers, as a style sheet: no style may stand in a page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

MIN_PX = 300
MAX_PX = 4000


@require_GET
def panes(request: HttpRequest) -> HttpResponse:
    """A sheet that sets the width in ?inspector=, or nothing when that is no sane number."""
    said = request.GET.get("inspector", "")
    is_number = said.isascii() and said.isdecimal() and len(said) <= len(str(MAX_PX))
    is_sane = is_number and MIN_PX <= int(said) <= MAX_PX
    sheet = f":root {{ --inspector-px: {int(said)}px; }}\n" if is_sane else ""
    return HttpResponse(
        sheet, content_type="text/css", headers={"Cache-Control": "max-age=31536000, immutable"}
    )
