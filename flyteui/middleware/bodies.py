"""How large the body of a request may be, by its path; and how an application reads it, piece by piece from Twisted's file.

Daphne takes a body of any size, and puts all of it into the application's queue before that reads a byte.
"""

from __future__ import annotations

import re
from typing import IO, Any
from urllib.parse import unquote

FORM_BYTES = 1024 * 1024  # the forms of our pages, without files, and the JSON of bulk aborts
UNKNOWN_BYTES = 64 * 1024
PIECE_BYTES = 64 * 1024
PAGES = ("/v2/", "/executors/", "/admin/")
# With files, which may be as large as what the client uploads.
FILE_FORMS = re.compile(
    r"/v2/domain/[^/]+/project/[^/]+/(?:uploads|runs/[^/]+/rerun|tasks/[^/]+/launch)(?:\?|\Z)"
)
MULTIPART = "multipart/form-data"
FORMS = ("application/x-www-form-urlencoded", MULTIPART)
SCOPE_KEY = "flyteui.body"


def limit_of(path: str, content_type: str) -> int:
    """The most bytes. Raises Unauthenticated for an upload's path whose token is wrong or too old."""
    if content_type.lower().startswith(MULTIPART) and FILE_FORMS.match(path):
        from django.conf import settings

        return int(settings.MAX_UPLOAD_BYTES) + FORM_BYTES
    limit = _limit_of_path(path)
    return min(limit, FORM_BYTES) if content_type.lower().startswith(FORMS) else limit


def _limit_of_path(path: str) -> int:
    # These import models, so Django must be set up.
    from runs.api import asgi, uploads
    from runs.store import storage

    path = unquote(path.partition("?")[0])
    if path.startswith(uploads.PREFIX):
        return storage.check_upload(path.removeprefix(uploads.PREFIX)).max_bytes
    if path.rpartition("/")[0] in asgi.SERVICES:
        return asgi.MAX_BODY_BYTES
    return FORM_BYTES if path.startswith(PAGES) else UNKNOWN_BYTES


class ReadsBodies:
    """Around an ASGI application: it reads the body from the file in its scope, and what comes after from Daphne."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        file = scope.pop(SCOPE_KEY, None)
        if file is None:
            await self.application(scope, receive, send)
            return
        with file:
            await self.application(scope, _Body(file, receive), send)


class _Body:
    """The `receive` of a request with a body."""

    def __init__(self, file: IO[bytes], receive: Any) -> None:
        self._file: IO[bytes] | None = file
        self._receive = receive

    async def __call__(self) -> Any:
        if self._file is None:
            return await self._receive()
        piece = self._file.read(PIECE_BYTES)
        is_last = len(piece) < PIECE_BYTES
        if is_last:
            self._file = None
            await self._receive()  # the empty body that Daphne was left with
        return {"type": "http.request", "body": piece, "more_body": not is_last}
