"""Makes the digest of a child's inputs where the SDK stores them, and puts it into the message that asks for the child.

All that is replaced is looked up by name, because a flyte may be another one than ours: without it the child has no digest.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from flyteidl2.actions import actions_service_pb2

from runs.domain.inputs.digests import attach, read_inputs_digest
from runs.executor.flyte import seam
from runs.executor.flyte.masked import mask

CONTROLLERS = "flyte._internal.controllers.remote._controller"
UPLOAD = "upload_inputs_with_retry"
CLIENT = "flyteidl2.actions.actions_service_connect:ActionsServiceClient"
MAX_KEPT = 2000  # of calls that are being asked for
_kept: OrderedDict[str, str] = OrderedDict()  # by the address of the inputs
_lock = threading.Lock()


def install() -> None:
    """Once in a process."""
    if (upload := seam.find(f"{CONTROLLERS}:{UPLOAD}")) is not None:
        setattr(seam.find_module(CONTROLLERS), UPLOAD, _noting(upload))
    if hasattr(client := seam.find(CLIENT), "enqueue"):
        client.enqueue = _asking(client.enqueue)


def note(data: bytes, uri: str) -> None:
    """Keep the digest of these inputs, which are stored there, without the secrets of the action that passes them on."""
    if not (digest := read_inputs_digest(data, mask)):
        return
    with _lock:
        _kept[uri] = digest
        _kept.move_to_end(uri)
        if len(_kept) > MAX_KEPT:
            _kept.popitem(last=False)


def add_to(message: actions_service_pb2.Action) -> None:
    """Put the digest into the message. It stays, because the message may have to be made again."""
    with _lock:
        digest = _kept.get(message.input_uri, "")
    attach(message, digest)


def _noting(upload: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(upload)
    async def upload_noted(serialized_inputs: bytes, inputs_uri: str, *rest: Any, **options: Any) -> Any:
        with suppress(Exception):  # a row that does not say its inputs is no reason to fail
            note(serialized_inputs, inputs_uri)
        return await upload(serialized_inputs, inputs_uri, *rest, **options)

    return upload_noted


def _asking(enqueue: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(enqueue)
    async def enqueue_told(client: Any, request: Any, **options: Any) -> Any:
        add_to(request.action)
        return await enqueue(client, request, **options)

    return enqueue_told
