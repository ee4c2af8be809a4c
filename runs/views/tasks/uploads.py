"""Files that come with a form, or by the scripts before it: they go into the storage, and their address into the field."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import (
    FileUploadHandler,
    MemoryFileUploadHandler,
    TemporaryFileUploadHandler,
)
from django.http import HttpRequest, JsonResponse
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.views.decorators.http import require_POST

from runs.domain import errors
from runs.domain.forms.fields import FILE, FOLDER
from runs.launch.files import Given, store, take
from runs.launch.forms import LaunchForm
from runs.queries.api import check_project
from runs.store import database
from runs.views.errors import json_error

SLASH = "\x1f"  # in the name of an uploaded file, of which Django keeps only what follows the last real one
FILES = "files"
MAX_PATH = 255  # characters; Django would cut what is longer


class KeepPaths(FileUploadHandler):
    """The first of the handlers: it parses the form itself, and keeps where in its folder a file lies."""

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: str | None = None  # noqa: N803 -- Django's name
    ) -> Any:  # fmt: skip
        handlers = [MemoryFileUploadHandler(self.request), TemporaryFileUploadHandler(self.request)]
        return _Parser(META, input_data, handlers, encoding).parse()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


class _Parser(MultiPartParser):
    def sanitize_file_name(self, file_name: str) -> str | None:
        path = html.unescape(file_name).replace("\\", "/")
        if len(path) > MAX_PATH:
            raise MultiPartParserError(f"the path {path[:80]}… has more than {MAX_PATH} characters")
        parts = [super(_Parser, self).sanitize_file_name(part) for part in path.split("/")]
        return SLASH.join(part or "" for part in parts) if parts[-1] else None


def files_of(request: HttpRequest) -> dict[str, list[Given]]:
    """The files of a form, by field."""
    return {
        key: [Given((one.name or "").replace(SLASH, "/"), one) for one in found]
        for key, found in request.FILES.lists()
    }


async def take_files(
    request: HttpRequest, form: LaunchForm, project: str, domain: str
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """What was posted, with addresses in place of the files that came with it; and what is wrong with these, by field."""
    files: Mapping[str, Sequence[Given]] = files_of(request)
    if not files:
        return request.POST.dict(), {}
    return await asyncio.to_thread(take, form.inputs, request.POST.dict(), files, (project, domain))


@require_POST
async def upload(request: HttpRequest, *, project: str, domain: str) -> JsonResponse:
    """JSON: the address of what was sent as `files`; `kind` is `file` or `folder`."""
    kind, given = request.POST.get("kind", FILE), files_of(request).get(FILES, [])
    try:
        if kind not in {FILE, FOLDER}:
            raise errors.Invalid(f"kind {kind[:80]!r} must be {FILE} or {FOLDER}")
        if not given:
            raise errors.Invalid(f"no file was sent as {FILES!r}")
        await database.read(check_project, project, domain, settings.DOMAINS)
        address = await asyncio.to_thread(store, project, domain, kind, given)
    except errors.FlyteUIError as error:
        return json_error(error)
    except OSError as error:
        message = f"the file cannot be stored: {error.strerror}"
        return JsonResponse({"message": message}, status=HTTPStatus.INTERNAL_SERVER_ERROR)
    return JsonResponse({"address": address})
