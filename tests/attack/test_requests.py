"""Requests that were answered with 500, or with a code that the client repeats."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from django.db import DataError
from django.test import Client

from flyteui.middleware.border import NoNUL
from runs.api.envelopes import _Flags
from runs.domain.caches import OVERHEAD_BYTES, cached
from runs.domain.errors import Invalid
from runs.store import database
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)
RUN = "/v2/domain/development/project/flytesnacks/runs/run1"
WATCH = "/flyteidl2.workflow.RunService/WatchActionDetails"


def envelope(flags: int, body: bytes) -> bytes:
    return bytes([flags]) + len(body).to_bytes(4, "big") + body


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"names": ["\\ud800"]}', b'{"names": ["a0"], "reason": "\\ud800"}', b"\xff"]
)
def test_json_that_no_one_can_read_is_a_bad_request(body: bytes):
    factories.make_run("2")

    answer = Client().post(f"{RUN}/aborts", body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()["message"]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v2/domain/development/project/a\x00/runs", b""),
        (f"{RUN}/actions/a0\x00", b""),
        ("/flyteidl2.workflow.RunService/\x00", b""),
        ("/v2/domain/development/project/flytesnacks/runs", b"owner=%00"),
    ],
)
async def test_an_address_with_a_nul_reaches_no_application(path: str, query: bytes):
    sent: list[dict[str, Any]] = []

    async def application(*_: Any) -> None:
        raise AssertionError("it was reached")

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await NoNUL(application)({"type": "http", "path": path, "query_string": query}, None, send)

    assert sent[0]["status"] == 400


@pytest.mark.parametrize(
    "error",
    [
        DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"),
        OverflowError("Python int too large to convert to SQLite INTEGER"),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    ],
)
async def test_what_no_column_can_hold_is_invalid(error: Exception):
    def ask() -> None:
        raise error

    with pytest.raises(Invalid, match="cannot hold a value"):
        await database.read(ask)
    with pytest.raises(Invalid, match="cannot hold a value"):
        await database.write(ask)


@pytest.mark.parametrize("encoding", [{}, {"connect-content-encoding": "identity"}])
@pytest.mark.parametrize("rest", [b"", envelope(0, b"{}")])
async def test_a_compressed_frame_without_its_header_is_the_senders_fault(
    web: httpx.AsyncClient, encoding: dict[str, str], rest: bytes
):
    headers = {"content-type": "application/connect+json", **encoding}

    answer = await web.post(WATCH, content=rest + envelope(1, b"\x1f\x8b"), headers=headers)

    said = json.loads(answer.content[5:])
    assert said["error"]["code"] == "invalid_argument"


@pytest.mark.parametrize("encoding", ["br", "zstd", "no such"])
async def test_an_unknown_compression_is_the_senders_fault(web: httpx.AsyncClient, encoding: str):
    headers = {"content-type": "application/connect+json", "connect-content-encoding": encoding}

    answer = await web.post(WATCH, content=envelope(1, b"x"), headers=headers)

    assert json.loads(answer.content[5:])["error"]["code"] == "invalid_argument"


@pytest.mark.parametrize("size", [1, 2, 5, 7, 1000])
def test_flags_are_found_however_a_body_is_cut(size: int):
    body = envelope(0, b"abcdefgh") + envelope(3, b"") + envelope(2, b"x" * 20) + b"\x01\x00"
    flags = _Flags()

    found = [one for start in range(0, len(body), size) for one in flags.feed(body[start : start + size])]

    assert found == [0, 3, 2]


def test_a_cache_is_bounded_by_bytes():
    calls: list[bytes] = []

    @cached(10 * (OVERHEAD_BYTES + 1000), size=len)
    def read(data: bytes) -> int:
        calls.append(data)
        return len(data)

    small = [bytes([number]) * 1000 for number in range(10)]
    huge = b"x" * 100_000
    for data in (*small, *small, huge, huge, small[0]):
        assert read(data) == len(data)
    assert calls == [*small, huge, huge]  # the huge one is not kept, and drives out nothing

    read(b"y" * 1000)
    read(small[0])
    read(small[1])  # whose last use was the oldest
    assert calls[12:] == [b"y" * 1000, small[1]]
