"""/healthz, /readyz and /metrics."""

from __future__ import annotations

import hmac
import logging
from dataclasses import replace
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from runs.access import gate
from runs.access.bearers import read_bearer
from runs.domain import errors
from runs.domain.roles import Role, has_role
from runs.queries import metrics as counting
from runs.store import database, metrics, presence, storage

log = logging.getLogger(__name__)


@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_GET
async def metrics_text(request: HttpRequest) -> HttpResponse:
    """Numbers for Prometheus: of this process since it started, and of the database now."""
    if not await may_measure(request):
        return HttpResponse(
            "/metrics takes the key FLYTEUI_METRICS_KEY as a bearer token, or an admin of all projects\n",
            status=HTTPStatus.UNAUTHORIZED, content_type="text/plain; charset=utf-8", headers={"WWW-Authenticate": "Bearer"},
        )  # fmt: skip
    try:
        counts = await database.read(counting.count)
    except errors.Unavailable as error:
        return HttpResponse(
            f"{error}\n", status=HTTPStatus.SERVICE_UNAVAILABLE, content_type="text/plain; charset=utf-8"
        )
    counts = replace(counts, workers=presence.workers_connected())
    return HttpResponse(metrics.render(counts), content_type=metrics.CONTENT_TYPE)


async def may_measure(request: HttpRequest) -> bool:
    """Whether this request has the key; without a key, whether its subject is an admin."""
    token = read_bearer(request.headers.get("Authorization", ""))
    if settings.METRICS_KEY and hmac.compare_digest(token.encode(), settings.METRICS_KEY.encode()):
        return True
    subject = getattr(request, "subject", None)
    is_open = gate.is_open() and not settings.METRICS_KEY
    return is_open or (not gate.is_open() and subject is not None and has_role(subject, Role.ADMIN, None))


@require_GET
async def readyz(request: HttpRequest) -> HttpResponse:
    """Whether actions can run: 503 with what is missing. The docstring of a check is its name in the answer."""
    missing = []
    for check in (counting.check_database, storage_is_writable):
        try:
            await database.read(check)
        except Exception as error:
            log.warning("not ready", exc_info=True)
            missing.append(f"{check.__doc__}: {error}")
    if presence.workers_connected() < 1:
        missing.append("no worker is connected; start one with `flyteui worker`")
    text = "".join(f"{line}\n" for line in missing) or "ready\n"
    status = HTTPStatus.SERVICE_UNAVAILABLE if missing else HTTPStatus.OK
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def storage_is_writable() -> None:
    """storage"""
    # Not empty: an empty file fits on a disk that is full.
    storage.write_bytes(storage.join(settings.STORAGE_URL, ".ready"), b"ready\n")
