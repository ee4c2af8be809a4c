"""Whether the server answers, and whether work can be done here."""

from __future__ import annotations

import logging
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from runs import database, presence, storage
from runs.queries import health

log = logging.getLogger(__name__)


@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_GET
async def readyz(request: HttpRequest) -> HttpResponse:
    """Whether work can be done here: 503 with what is missing."""
    missing = []
    for check in (health.check_database, storage_is_writable):
        try:
            await database.read(check)
        except Exception as error:
            log.warning("not ready", exc_info=True)
            missing.append(f"{check.__doc__}: {error}")
    if presence.workers_connected() < 1:
        missing.append("no worker is connected; start one with `manage.py worker`")
    text = "".join(f"{line}\n" for line in missing) or "ready\n"
    status = HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def storage_is_writable() -> None:
    """storage"""
    storage.write_bytes(storage.join(settings.STORAGE_URL, ".ready"), b"")
