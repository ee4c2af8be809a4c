"""/docs/: the documentation, a site of files that was built beforehand (build_site.py). Anybody may read it."""

from __future__ import annotations

import mimetypes
from http import HTTPStatus
from pathlib import Path

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils._os import safe_join
from django.views.decorators.http import require_safe

# What the documents call this server: where it is by default.
DOCUMENTED_URL = "http://localhost:8000"
# Their names have a digest of what they hold, so a browser need never ask again.
HASHED = "assets/javascripts/", "assets/stylesheets/"


@require_safe
def docs_page(request: HttpRequest, path: str = "") -> HttpResponse:
    """A page or a file of the site."""
    site: Path = settings.SITE
    if not (site / "index.html").is_file():
        return render(request, "runs/docs_missing.html", status=HTTPStatus.NOT_FOUND)
    try:
        file = Path(safe_join(site, path))
    except (SuspiciousFileOperation, ValueError):  # an address that leads out of it, or has a NUL
        file = site / "404"
    if file.is_dir():
        if path and not path.endswith("/"):  # links of a page are relative to its folder
            return HttpResponseRedirect(f"{request.path}/")
        file /= "index.html"
    if not file.is_file():
        return HttpResponse((site / "404.html").read_bytes(), status=HTTPStatus.NOT_FOUND)
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    content = file.read_bytes()
    if kind == "text/html":
        content = with_own_address(content.decode()).encode()
    answer = HttpResponse(
        content, content_type=f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
    )
    if path.startswith(HASHED):
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer


def with_own_address(html: str) -> str:
    """Commands work when they are copied, wherever this server is; also where the address has no scheme, as in a config.yaml."""
    for documented, own in (
        (DOCUMENTED_URL, settings.PUBLIC_URL),
        (_place(DOCUMENTED_URL), _place(settings.PUBLIC_URL)),
    ):
        html = html.replace(documented, own)
    return html


def _place(url: str) -> str:
    return url.partition("://")[2]
