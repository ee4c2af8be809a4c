"""Masks what a flyte has stored for an action that knows nothing of secrets: its error, and its report.

For a process that runs by another version's entry point. `masked.py` keeps the values out of what that version stores, as far as it
has what we know by name; here nothing is asked of it but where its files are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flyte.storage
from flyteidl2.core import execution_pb2
from google.protobuf.message import DecodeError

from runs.executor.attempt.masking import Mask
from runs.executor.flyte.sdk import io

HTML = {"Content-Type": "text/html", "content_type": "text/html"}  # of S3 and of GCS, as the SDK says it


async def mask_stored(output_uri: str, mask: Mask) -> None:
    """Replace the files in which the value of a secret stands. Raises what the storage raises."""
    await _rewrite(io.error_path(output_uri), lambda data: _masked_error(data, mask))
    await _rewrite(io.report_path(output_uri), lambda data: _masked_text(data, mask), attributes=HTML)


async def _rewrite(uri: str, change: Callable[[bytes], bytes], **options: Any) -> None:
    try:
        data = b"".join([chunk async for chunk in flyte.storage.get_stream(uri)])
    except FileNotFoundError:
        return
    if (changed := change(data)) != data:
        await flyte.storage.put_stream(changed, to_path=uri, **options)


def _masked_text(data: bytes, mask: Mask) -> bytes:
    return mask(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


def _masked_error(data: bytes, mask: Mask) -> bytes:
    try:
        document = execution_pb2.ErrorDocument.FromString(data)
    except DecodeError:
        return _masked_text(data, mask)
    code, message = mask(document.error.code), mask(document.error.message)
    if (code, message) == (document.error.code, document.error.message):
        return data
    document.error.code, document.error.message = code, message
    return document.SerializeToString()
