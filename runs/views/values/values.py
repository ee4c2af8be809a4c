"""One input or output on a page of its own, its files to look at and to download: by the rights of whoever reads.

What users wrote is never a page of ours: it is downloaded, or shown as an image under a policy that lets it do nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from typing import IO

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from runs.domain import errors
from runs.domain.names import RunRef
from runs.domain.values.parts import Kind, Part
from runs.domain.values.trees import find_part, text_of
from runs.queries.runs import RunHead, get_run
from runs.queries.values.archives import Folder, find_folder, pack
from runs.queries.values.files import Stored, find_file, is_folder, read_image
from runs.queries.values.shown import for_page
from runs.queries.values.values import get_part
from runs.store import database, storage
from runs.views.errors import error_page, reader_view
from runs.views.requests import subject_of

PIECE_BYTES = 256 * 1024
# Also of an image that somebody opens by itself: an SVG may hold scripts.
POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
HEADERS = {
    "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}  # fmt: skip


def _asked(request: HttpRequest, side: str, value: str, names: dict[str, str]) -> tuple[RunHead, Part]:
    """The run, and the part of the value that the address names."""
    head = get_run(RunRef(names["project"], names["domain"], names["run"]))
    part = get_part(head.id, names["action"], side, value)
    return head, find_part(part, request.GET.get("at", ""))


@require_GET
@reader_view
def value_page(request: HttpRequest, *, side: str, value: str, **names: str) -> HttpResponse:
    """A value, as much of it as a page has room for; ?at= a part of it, ?file= a file in its folder."""
    head, part = _asked(request, side, value, names)
    file = request.GET.get("file", "")
    shown = for_page(value, part, subject_of(request), file)
    context = {
        "head": head,
        "action": names["action"],
        "side": side,
        "side_label": "Input" if side == "inputs" else "Output",
        "value": shown,
        "page": request.path,
        "at": request.GET.get("at", ""),
        "file": file,
    }
    return render(request, "runs/values/value.html", context)


@require_GET
@reader_view
def image(request: HttpRequest, *, side: str, value: str, **names: str) -> HttpResponse:
    """A file that is an image, whatever its name says."""
    _, part = _asked(request, side, value, names)
    kind, content = read_image(find_file(part, subject_of(request), request.GET.get("file", "")))
    return HttpResponse(content, content_type=kind, headers=HEADERS)


@require_GET
async def download(request: HttpRequest, *, side: str, value: str, **names: str) -> HttpResponseBase:
    """The whole value: the file that it stands for, in pieces; a folder, as a zip; else a text, or JSON."""
    try:
        found = await database.read(_find, request, side, value, names)
        if isinstance(found, Stored):
            return await _file(found)
        if isinstance(found, Folder):
            pieces = _packed(pack(found, subject_of(request)))
            return StreamingHttpResponse(
                pieces, content_type="application/zip", headers=_attached(f"{found.name}.zip")
            )
    except errors.FlyteUIError as error:
        return error_page(request, error)
    name = f"{value}.{'txt' if found.kind is Kind.TEXT else 'json'}"
    return HttpResponse(text_of(found), content_type="text/plain; charset=utf-8", headers=_attached(name))


def _find(request: HttpRequest, side: str, value: str, names: dict[str, str]) -> Stored | Folder | Part:
    _, part = _asked(request, side, value, names)
    if not part.uri:
        return part
    subject, below = subject_of(request), request.GET.get("file", "")
    return find_folder(part, subject) if is_folder(part, subject, below) else find_file(part, subject, below)


async def _file(stored: Stored) -> StreamingHttpResponse:
    file = await asyncio.to_thread(storage.open_file, stored.uri)
    if file is None:
        raise errors.NotFound("the file is gone")
    headers = _attached(stored.name) | {"Content-Length": str(stored.size)}
    return StreamingHttpResponse(
        _pieces(file, stored.size), content_type="application/octet-stream", headers=headers
    )


def _attached(name: str) -> dict[str, str]:
    disposition = content_disposition_header(as_attachment=True, filename=name) or "attachment"
    return HEADERS | {"Content-Disposition": disposition}


async def _pieces(file: IO[bytes], size: int) -> AsyncIterator[bytes]:
    """No more than was announced, should the file grow meanwhile."""
    try:
        while size > 0 and (piece := await asyncio.to_thread(file.read, min(size, PIECE_BYTES))):
            size -= len(piece)
            yield piece
    finally:
        await asyncio.to_thread(file.close)


async def _packed(pieces: Generator[bytes]) -> AsyncIterator[bytes]:
    try:
        while piece := await asyncio.to_thread(next, pieces, b""):
            yield piece
    finally:
        await asyncio.to_thread(pieces.close)
