"""Whether the server answers, and whether work can be done here."""

from __future__ import annotations

import logging
from dataclasses import replace
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from runs import database, errors, metrics, presence, storage
from runs.queries import health
from runs.queries import metrics as counting

log = logging.getLogger(__name__)


@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_GET
async def metrics_text(request: HttpRequest) -> HttpResponse:
    """Numbers for Prometheus: of this process since it started, and of the database now."""
    try:
        counts = await database.read(counting.count)
    except errors.Unavailable as error:
        return HttpResponse(
            f"{error}\n", status=HTTPStatus.SERVICE_UNAVAILABLE, content_type="text/plain; charset=utf-8"
        )
    counts = replace(counts, workers=presence.workers_connected())
    return HttpResponse(metrics.render(counts), content_type=metrics.CONTENT_TYPE)


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
    # Not empty: an empty file fits on a disk that is full.
    storage.write_bytes(storage.join(settings.STORAGE_URL, ".ready"), b"ready\n")
