"""DataProxyService: where clients upload, what actions took and gave, and their logs."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

from connectrpc.request import RequestContext
from django.conf import settings
from flyteidl2.common import run_pb2 as common_run_pb2
from flyteidl2.dataproxy import dataproxy_service_connect, dataproxy_service_pb2
from flyteidl2.task import task_definition_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from runs.api import downloads, logs, wire
from runs.api.door import subject_of
from runs.domain import cache_keys, specs
from runs.domain.errors import AlreadyExists, Invalid, NotFound
from runs.domain.names import check_run_name, check_scope
from runs.domain.phases import SUCCESS, Kind
from runs.launch.requests import write_inputs
from runs.queries import api as queries
from runs.queries import registry
from runs.store import database, storage

DEFAULT_EXPIRY_SECONDS = 900
MAX_EXPIRY_SECONDS = 3600
# Reports of tracked runs are uploaded again and again to the same place.
_OVERWRITABLE = "tracked-runs/"


class DataProxy(dataproxy_service_connect.DataProxyService):
    """What is uploaded and downloaded goes by signed addresses (uploads.py, downloads.py), and not through these calls."""

    async def create_upload_location(
        self, request: dataproxy_service_pb2.CreateUploadLocationRequest, ctx: RequestContext[Any, Any]
    ) -> dataproxy_service_pb2.CreateUploadLocationResponse:
        project = check_scope("project", request.project)
        domain = check_scope("domain", request.domain)
        await database.read(queries.check_project, project, domain, settings.DOMAINS)
        _check_length(request.content_length)
        md5 = _md5(request.content_md5)
        folder = request.filename_root.strip("/") or md5 or secrets.token_hex(16)
        uri = storage.upload_uri(project, domain, folder, request.filename)
        replaces = folder.startswith(_OVERWRITABLE)
        if not replaces:
            await asyncio.to_thread(_check_not_taken, uri, md5)
        expires_at = int(time.time()) + _expiry(request)
        token = storage.sign_upload(
            storage.Upload(
                uri=uri,
                md5=md5,
                max_bytes=request.content_length or settings.MAX_UPLOAD_BYTES,
                expires_at=expires_at,
                replaces=replaces,
                subject=subject_of(ctx).id,
            )
        )
        return dataproxy_service_pb2.CreateUploadLocationResponse(
            signed_url=f"{settings.PUBLIC_URL}/upload/{token}",
            native_url=storage.for_user_code(uri),
            expires_at=Timestamp(seconds=expires_at),
        )

    async def create_download_link(
        self, request: dataproxy_service_pb2.CreateDownloadLinkRequest, ctx: RequestContext[Any, Any]
    ) -> dataproxy_service_pb2.CreateDownloadLinkResponse:
        uri = await downloads.find_file(request, subject_of(ctx))
        expires_at = int(time.time()) + _expiry(request)
        token = storage.sign_download(
            storage.Download(uri=uri, expires_at=expires_at, subject=subject_of(ctx).id)
        )
        return dataproxy_service_pb2.CreateDownloadLinkResponse(
            pre_signed_urls=dataproxy_service_pb2.PreSignedURLs(
                signed_url=[f"{settings.PUBLIC_URL}{downloads.PREFIX}{token}"],
                expires_at=Timestamp(seconds=expires_at),
            )
        )

    async def upload_inputs(
        self, request: dataproxy_service_pb2.UploadInputsRequest, ctx: RequestContext[Any, Any]
    ) -> dataproxy_service_pb2.UploadInputsResponse:
        project, domain = _scope(request)
        await database.read(queries.check_project, project, domain, settings.DOMAINS)
        spec = await _spec(request)
        if request.base_dir:
            storage.check_inside("base_dir", request.base_dir)
        folder = await write_inputs(request.inputs, project, domain)
        ignored = list(spec.task_template.metadata.cache_ignore_input_vars)
        return dataproxy_service_pb2.UploadInputsResponse(
            offloaded_input_data=common_run_pb2.OffloadedInputData(
                uri=folder, inputs_hash=cache_keys.hash_inputs(request.inputs, ignored)
            )
        )

    async def get_action_data(
        self, request: dataproxy_service_pb2.GetActionDataRequest, ctx: RequestContext[Any, Any]
    ) -> dataproxy_service_pb2.GetActionDataResponse:
        action = await database.read(queries.get_action, specs.read_action_ref(request.action_id))
        input_uri, output_uri = data_uris(action)
        inputs, outputs = await asyncio.gather(
            asyncio.to_thread(_read, input_uri), asyncio.to_thread(_read, output_uri)
        )
        if inputs is None and action.kind is Kind.TASK:
            # A rerun of the client searches it for "inputs".
            raise NotFound(
                f"the inputs of action {action.ref.name!r} are gone: there is no file {input_uri!r}"
            )
        return dataproxy_service_pb2.GetActionDataResponse(
            inputs=wire.inputs(inputs),
            outputs=wire.outputs(outputs),
            inputs_uri=input_uri,
            outputs_uri=output_uri,
        )

    async def tail_logs(
        self, request: dataproxy_service_pb2.TailLogsRequest, ctx: RequestContext[Any, Any]
    ) -> AsyncIterator[dataproxy_service_pb2.TailLogsResponse]:
        async for lines in logs.tail(request.action_id, request.attempt):
            yield dataproxy_service_pb2.TailLogsResponse(
                logs=[dataproxy_service_pb2.TailLogsResponse.Logs(lines=lines)]
            )


def data_uris(action: queries.ActionView) -> tuple[str, str]:
    """Full paths of an action's inputs and, once it has succeeded, of its outputs."""
    if action.phase not in SUCCESS or not action.output_uri:
        return action.input_uri, ""
    if action.kind is Kind.TASK:
        return action.input_uri, storage.join(action.output_uri, "outputs.pb")
    return action.input_uri, action.output_uri


def _read(uri: str) -> bytes | None:
    if not uri:
        return b""
    data = storage.read_bytes(uri)
    if data is not None and len(data) > settings.MAX_INPUT_BYTES:
        raise Invalid(
            f"{uri} has {len(data)} bytes, more than the {settings.MAX_INPUT_BYTES} that are sent inline"
        )
    return data


def _md5(digest: bytes) -> str:
    if digest and len(digest) != hashlib.md5(usedforsecurity=False).digest_size:
        raise Invalid(f"content_md5 must be the 16 bytes of an MD5 digest, it has {len(digest)}")
    return digest.hex()


def _check_length(length: int) -> None:
    if not 0 <= length <= settings.MAX_UPLOAD_BYTES:
        raise Invalid(
            f"content_length is {length}, at most {settings.MAX_UPLOAD_BYTES} bytes can be uploaded"
        )


def _expiry(
    request: dataproxy_service_pb2.CreateUploadLocationRequest
    | dataproxy_service_pb2.CreateDownloadLinkRequest,
) -> int:
    if not request.HasField("expires_in"):
        return DEFAULT_EXPIRY_SECONDS
    seconds = request.expires_in.seconds
    if not 0 < seconds <= MAX_EXPIRY_SECONDS:
        raise Invalid(f"expires_in is {seconds} s, it must be between 1 s and {MAX_EXPIRY_SECONDS} s")
    return int(seconds)


def _check_not_taken(uri: str, md5: str) -> None:
    """What was uploaded never changes its content: bundles and files are referred to by address."""
    there = storage.read_bytes(uri)
    if there is not None and hashlib.md5(there, usedforsecurity=False).hexdigest() != md5:
        raise AlreadyExists(f"there is a file {uri!r} already, with other content")


def _scope(request: dataproxy_service_pb2.UploadInputsRequest) -> tuple[str, str]:
    match request.WhichOneof("id"):
        case "run_id":
            run = request.run_id
            check_run_name(run.name)
            return check_scope("project", run.project), check_scope("domain", run.domain)
        case "project_id":
            scope = request.project_id
            return check_scope("project", scope.name), check_scope("domain", scope.domain)
        case _:
            raise Invalid("the request has neither run_id nor project_id")


async def _spec(request: dataproxy_service_pb2.UploadInputsRequest) -> task_definition_pb2.TaskSpec:
    match request.WhichOneof("task"):
        case "task_spec":
            return request.task_spec
        case "task_id":
            asked = request.task_id
            found = await database.read(
                registry.get_task, asked.project, asked.domain, asked.name, asked.version
            )
            return task_definition_pb2.TaskSpec.FromString(found.spec)
        case _:
            raise Invalid("the request has no task: neither task_spec nor task_id")
