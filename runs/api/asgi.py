"""The ASGI application of the Connect API, of uploads and of downloads: which service gets a request, and which request gets none.

Browsers send cross-site requests freely only with the content types of HTML forms, and DNS rebinding changes only the
Host; so both are checked here, on every path, before a service sees the request.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from connectrpc.errors import ConnectError
from connectrpc.server import ConnectASGIApplication
from django.conf import settings
from django.http.request import split_domain_port, validate_host
from flyteidl2.actions.actions_service_connect import ActionsServiceASGIApplication
from flyteidl2.auth.auth_service_connect import AuthMetadataServiceASGIApplication
from flyteidl2.auth.identity_connect import IdentityServiceASGIApplication
from flyteidl2.cluster.service_connect import ClusterServiceASGIApplication
from flyteidl2.dataproxy.dataproxy_service_connect import DataProxyServiceASGIApplication
from flyteidl2.imagebuilder.service_connect import ImageServiceASGIApplication
from flyteidl2.project.project_service_connect import ProjectServiceASGIApplication
from flyteidl2.secret.secret_connect import SecretServiceASGIApplication
from flyteidl2.task.task_service_connect import TaskServiceASGIApplication
from flyteidl2.workflow.run_logs_service_connect import RunLogsServiceASGIApplication
from flyteidl2.workflow.run_service_connect import RunServiceASGIApplication

from runs.api import door, downloads, uploads
from runs.api.actions import Actions
from runs.api.auth_metadata import AuthMetadata
from runs.api.clusters import Clusters
from runs.api.dataproxy import DataProxy
from runs.api.envelopes import refuse_compressed
from runs.api.errors import CODECS, BoundedGzip, Translator, too_large
from runs.api.identity import Identity
from runs.api.images import Images
from runs.api.logs import RunLogs
from runs.api.projects import Projects
from runs.api.runs import Runs
from runs.api.secrets import Secrets
from runs.api.tasks import Tasks
from runs.domain.declared.services import why_unsupported
from runs.domain.errors import Unauthenticated, Unavailable

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

# A task spec and its envelope come on top of the inputs.
MAX_BODY_BYTES = settings.MAX_INPUT_BYTES + 4 * 1024 * 1024
_STREAM = "application/connect+"
CONTENT_TYPES = {"application/proto", "application/json", f"{_STREAM}proto", f"{_STREAM}json"}


class _WithCodecs(ConnectASGIApplication[Any]):
    """Sits below a generated application in the MRO, whose constructor takes no codecs."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs, codecs=CODECS)


def _build(generated: type[ConnectASGIApplication[Any]], service: object) -> ConnectASGIApplication[Any]:
    mounted: Any = type(generated.__name__, (generated, _WithCodecs), {})
    application: ConnectASGIApplication[Any] = mounted(
        service,
        interceptors=[Translator(), door.Gate()],
        read_max_bytes=MAX_BODY_BYTES,
        compressions=[BoundedGzip(MAX_BODY_BYTES)],
    )
    return application


SERVICES: dict[str, ConnectASGIApplication[Any]] = {
    built.path: built
    for built in (
        _build(RunServiceASGIApplication, Runs()),
        _build(ActionsServiceASGIApplication, Actions()),
        _build(DataProxyServiceASGIApplication, DataProxy()),
        _build(ClusterServiceASGIApplication, Clusters()),
        _build(ProjectServiceASGIApplication, Projects()),
        _build(TaskServiceASGIApplication, Tasks()),
        _build(SecretServiceASGIApplication, Secrets()),
        _build(ImageServiceASGIApplication, Images()),
        _build(AuthMetadataServiceASGIApplication, AuthMetadata()),
        _build(IdentityServiceASGIApplication, Identity()),
        _build(RunLogsServiceASGIApplication, RunLogs()),
    )
}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Paths that begin with /flyteidl2., /upload/ or /download/."""
    if name := find_unreadable_header(scope):
        # connectrpc would raise, and nobody could answer the client.
        await _refuse(send, 400, "invalid_argument", f"header {name!r} has characters that are not ASCII")
        return
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    domain, _port = split_domain_port(headers.get(b"host", ""))
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        await _refuse(send, 400, "invalid_argument", f"this server is not {headers.get(b'host', '')[:200]!r}")
        return
    path: str = scope["path"]
    if path.startswith(uploads.PREFIX):
        await uploads.put(scope, receive, lambda status, text: _reply(send, status, "text/plain", text))
        return
    if path.startswith(downloads.PREFIX):
        await downloads.get(scope, send, lambda status, text: _reply(send, status, "text/plain", text))
        return
    content_type = headers.get(b"content-type", "").partition(";")[0].strip().lower()
    if scope["method"] != "POST":
        await _refuse(send, 405, "unimplemented", "a call is a POST")
    elif content_type not in CONTENT_TYPES:
        wanted = ", ".join(sorted(CONTENT_TYPES))
        await _refuse(
            send, 415, "invalid_argument", f"content type {content_type[:100]!r} is not one of {wanted}"
        )
    elif (service := SERVICES.get(path.rpartition("/")[0])) is None:
        await _refuse(send, 501, "unimplemented", why_unsupported(path))
    elif refusal := await _refusal(path, headers):
        await _refuse(send, *refusal)
    elif content_type.startswith(_STREAM):
        # connectrpc takes an encoding that it does not know for none at all.
        is_compressed = headers.get(b"connect-content-encoding") == "gzip"
        frames = _bounded(receive) if is_compressed else refuse_compressed(_bounded(receive))
        await _stream(service, scope, frames, send)
    else:
        await service(scope, _bounded(receive), send)  # type: ignore[arg-type]


async def _refusal(path: str, headers: dict[bytes, str]) -> tuple[int, str, str] | None:
    """Status, code and message for a caller who is not known, or who cannot be looked up now; None lets the call pass."""
    try:
        await door.enter(path, headers.get(b"authorization", ""))
    except Unauthenticated as error:
        return 401, "unauthenticated", error.message
    except Unavailable as error:
        return 503, "unavailable", error.message
    return None


def find_unreadable_header(scope: Scope) -> str:
    """The name of a header with bytes beyond ASCII, or ""."""
    for name, value in scope["headers"]:
        if not (name.isascii() and value.isascii()):
            return str(name.decode("latin-1"))[:80]
    return ""


async def _stream(service: ConnectASGIApplication[Any], scope: Scope, receive: Receive, send: Send) -> None:
    """Run a stream until it ends or the client leaves.

    connectrpc notices a client that left only when it has something to send, and a quiet watch has nothing.
    """
    task = asyncio.current_task()
    assert task is not None
    is_gone = False

    async def watched_receive() -> dict[str, Any]:
        nonlocal is_gone
        message = await receive()
        if message["type"] == "http.disconnect" and not is_gone:
            is_gone = True
            task.cancel()
        return message

    async def guarded_send(message: dict[str, Any]) -> None:
        if not is_gone:
            await send(message)

    try:
        await service(scope, watched_receive, guarded_send)  # type: ignore[arg-type]
    except (asyncio.CancelledError, ConnectError):
        if not is_gone:
            raise
        task.uncancel()


def _bounded(receive: Receive) -> Receive:
    """Stop reading a body that is larger than any request can be."""
    size = 0

    async def receive_some() -> dict[str, Any]:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            raise too_large(MAX_BODY_BYTES)
        return message

    return receive_some


async def _refuse(send: Send, status: int, code: str, message: str) -> None:
    await _reply(send, status, "application/json", json.dumps({"code": code, "message": message}))


async def _reply(send: Send, status: int, content_type: str, text: str) -> None:
    headers = [(b"content-type", content_type.encode()), (b"x-content-type-options", b"nosniff")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
