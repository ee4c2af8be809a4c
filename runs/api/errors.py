"""Errors at the border of the Connect API: one table, one interceptor, and codecs that turn malformed messages into INVALID_ARGUMENT.

No answer is INTERNAL: clients retry that, also on streams, and an error that is deterministic would come four times.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import structlog
from connectrpc.code import Code
from connectrpc.codec import Codec, proto_binary_codec, proto_json_codec
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext
from django.db import OperationalError
from google.protobuf.message import Message

from runs.domain import errors
from runs.domain.declared import services

Request = TypeVar("Request")
Response = TypeVar("Response")
log = structlog.get_logger(__name__)

# The first class that matches wins: special ones before general ones.
CODES: tuple[tuple[type[Exception], Code], ...] = (
    (errors.NotFound, Code.NOT_FOUND),
    (errors.AlreadyExists, Code.ALREADY_EXISTS),
    (errors.RunEnded, Code.ABORTED),
    (errors.Conflict, Code.FAILED_PRECONDITION),
    (errors.Invalid, Code.INVALID_ARGUMENT),
    (errors.Unauthenticated, Code.UNAUTHENTICATED),
    (errors.Forbidden, Code.PERMISSION_DENIED),
    (errors.Unavailable, Code.UNAVAILABLE),
)


def translate(error: Exception, ctx: RequestContext[Any, Any]) -> ConnectError:
    """The Connect error for an exception; an unexpected one is logged, and answered with its request id only."""
    method = f"{ctx.method().service_name}/{ctx.method().name}"
    if isinstance(error, ConnectError):
        is_unwritten = (error.code, error.message) == (Code.UNIMPLEMENTED, services.UNKNOWN)
        return ConnectError(Code.UNIMPLEMENTED, services.why_unsupported(method)) if is_unwritten else error
    for kind, code in CODES:
        if isinstance(error, kind):
            return ConnectError(code, str(error))
    request_id = ctx.request_headers().get("x-request-id") or uuid.uuid4().hex
    if isinstance(error, OperationalError):
        log.warning("database not available", method=method, request_id=request_id, error=str(error))
        return ConnectError(Code.UNAVAILABLE, f"the database cannot answer now; request {request_id}")
    log.error("request failed", method=method, request_id=request_id, exc_info=error)
    return ConnectError(
        Code.UNKNOWN, f"the server failed ({type(error).__name__}); its log says more at request {request_id}"
    )


class Translator:
    """The interceptor of every call."""

    async def intercept_unary(
        self,
        call_next: Callable[[Request, RequestContext[Any, Any]], Awaitable[Response]],
        request: Request,
        ctx: RequestContext[Any, Any],
    ) -> Response:
        try:
            return await call_next(request, ctx)
        except Exception as error:
            raise translate(error, ctx) from error

    async def intercept_server_stream(
        self,
        call_next: Callable[[Request, RequestContext[Any, Any]], AsyncIterator[Response]],
        request: Request,
        ctx: RequestContext[Any, Any],
    ) -> AsyncIterator[Response]:
        stream: Any = call_next(request, ctx)
        try:
            async with aclosing(stream):
                async for message in stream:
                    yield message
        except Exception as error:
            raise translate(error, ctx) from error


class Strict:
    """A codec that answers INVALID_ARGUMENT with the reason when it cannot read a message."""

    def __init__(self, inner: Codec[Any, Any]) -> None:
        self._inner = inner

    def name(self) -> str:
        return self._inner.name()

    def encode(self, message: Message) -> bytes:
        return self._inner.encode(message)

    def decode(self, data: bytes | bytearray, message: Message) -> Message:
        try:
            decoded: Message = self._inner.decode(data, message)
        except Exception as error:
            name = message.DESCRIPTOR.full_name
            raise ConnectError(Code.INVALID_ARGUMENT, f"the body is not a {name} message: {error}") from error
        return decoded


class BoundedGzip:
    """Gzip that stops unpacking at a limit, so that a small body cannot fill the memory."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes

    def name(self) -> str:
        return "gzip"

    def compress(self, data: bytes | bytearray | memoryview) -> bytes:
        packer = zlib.compressobj(level=1, wbits=zlib.MAX_WBITS | 16)
        return packer.compress(data) + packer.flush()

    def decompress(self, data: bytes | bytearray | memoryview) -> bytes:
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            plain = unpacker.decompress(data, self._max_bytes + 1)
        except zlib.error as error:
            raise ConnectError(Code.INVALID_ARGUMENT, f"the body is not valid gzip: {error}") from error
        if len(plain) > self._max_bytes:
            raise too_large(self._max_bytes)
        if not unpacker.eof:
            raise ConnectError(Code.INVALID_ARGUMENT, "the gzip body is cut off")
        return plain


def too_large(max_bytes: int) -> ConnectError:
    return ConnectError(Code.INVALID_ARGUMENT, f"the request is larger than {max_bytes} bytes")


CODECS = (Strict(proto_binary_codec()), Strict(proto_json_codec()))
