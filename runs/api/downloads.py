"""GET /download/<token>: the URL that CreateDownloadLink gives, for a report or for the code of an action or of a deployed task.

Plain ASGI, because a bundle is sent in pieces. What is sent was written by users: a browser keeps it, and never shows it as
a page of ours.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import PurePosixPath
from typing import IO, Any

import structlog
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from flyteidl2.common import identifier_pb2
from flyteidl2.dataproxy import dataproxy_service_pb2

from runs.access import gate
from runs.api import door
from runs.domain import specs
from runs.domain.declared import services
from runs.domain.errors import FlyteUIError, Invalid, NotFound, Unauthenticated
from runs.domain.roles import Role, Subject
from runs.queries import api as queries
from runs.queries import registry
from runs.queries.reports import FILE
from runs.store import database, storage

PREFIX = "/download/"
PIECE_BYTES = 256 * 1024
_BUNDLE = re.compile(r"(fast[\w=-]*\.tar|[\w=-]+\.pkl)\.gz\Z")
_UPLOADS = "_uploads"
_PLAIN = re.compile(r"[^\w.=-]")
REPORT, CODE = dataproxy_service_pb2.ARTIFACT_TYPE_REPORT, dataproxy_service_pb2.ARTIFACT_TYPE_CODE_BUNDLE
Send = Callable[[dict[str, Any]], Awaitable[None]]
Reply = Callable[[int, str], Awaitable[None]]
log = structlog.get_logger(__name__)


async def find_file(request: dataproxy_service_pb2.CreateDownloadLinkRequest, subject: Subject) -> str:
    """The address of the file that is asked for; raises NotFound when there is none, Forbidden for one of a project that the caller may not read."""
    source = request.WhichOneof("source")
    if source == "app_id":
        raise ConnectError(Code.UNIMPLEMENTED, str(services.APPS))
    match request.artifact_type, source:
        case (dataproxy_service_pb2.ARTIFACT_TYPE_REPORT, "action_attempt_id"):
            uri = await _report_of(request.action_attempt_id)
        case (dataproxy_service_pb2.ARTIFACT_TYPE_CODE_BUNDLE, "action_attempt_id"):
            details = await _details(request.action_attempt_id)
            uri = _code_of(details.spec, f"action {details.action.ref.name!r}", subject)
        case (dataproxy_service_pb2.ARTIFACT_TYPE_CODE_BUNDLE, "task_id"):
            asked = request.task_id
            task = await database.read(
                registry.get_task, asked.project, asked.domain, asked.name, asked.version
            )
            uri = _code_of(task.spec, f"task {asked.name!r}", subject)
        case _:
            raise Invalid(
                "a download is the report of an action's attempt, or the code of an action or of a deployed task"
            )
    if await asyncio.to_thread(storage.find_size, uri) is None:
        raise NotFound(f"there is no file {PurePosixPath(uri).name!r} any more, or not yet")
    return uri


async def _details(attempt: identifier_pb2.ActionAttemptIdentifier) -> queries.ActionDetails:
    return await database.read(queries.get_action_details, specs.read_action_ref(attempt.action_id))


async def _report_of(asked: identifier_pb2.ActionAttemptIdentifier) -> str:
    """The report of one attempt; without a number, of the last one."""
    details = await _details(asked)
    number = asked.attempt or details.action.attempt
    for one in details.attempts:
        # What comes from the cache, or from an earlier run, has written none here.
        if one.number == number and one.output_uri and not details.action.source:
            return storage.join(one.output_uri, FILE)
    raise NotFound(f"attempt {number} of action {details.action.ref.name!r} has no report")


def _code_of(spec: bytes, what: str, subject: Subject) -> str:
    """The bundle of a task. Its spec is a client's and may name any file, so this must be code, and of a project that the caller may read."""
    uri = specs.read_task_spec(spec).bundle_uri if spec else ""
    if not uri:
        raise NotFound(f"{what} has no code bundle")
    folder, *rest = storage.path_below(f"the code bundle of {what}", uri)
    project = rest[0] if folder == _UPLOADS and rest else folder
    if not rest or not _BUNDLE.match(rest[-1]):
        raise Invalid(f"{what} names {uri[:300]!r} as its code bundle, which is none")
    gate.require(subject, Role.VIEWER, project)
    return uri


async def get(scope: dict[str, Any], send: Send, reply: Reply) -> None:
    """Send one file. reply(status, text) answers when there is none to send."""
    if scope["method"] not in {"GET", "HEAD"}:
        await reply(405, "a download is a GET")
        return
    try:
        download = storage.check_download(scope["path"].removeprefix(PREFIX))
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        await door.check_same(download.subject, authorization)
        file = await asyncio.to_thread(storage.open_file, download.uri)
    except Unauthenticated as error:
        await reply(403, str(error))
        return
    except FlyteUIError as error:
        await reply(400, str(error))
        return
    if file is None:
        await reply(404, "the file is gone")
        return
    try:
        await _send_file(send, file, PurePosixPath(download.uri).name, has_body=scope["method"] == "GET")
    finally:
        await asyncio.to_thread(file.close)


async def _send_file(send: Send, file: IO[bytes], name: str, *, has_body: bool) -> None:
    headers = [
        (b"content-type", b"application/octet-stream"),
        (
            b"content-disposition",
            f'attachment; filename="{_PLAIN.sub("_", name)}"'.encode("ascii", "replace"),
        ),
        (b"content-security-policy", b"sandbox; default-src 'none'"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while has_body and (piece := await asyncio.to_thread(file.read, PIECE_BYTES)):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
