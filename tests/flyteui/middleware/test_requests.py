from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flyteui.middleware.requests import RequestIDs


def ask(said: bytes | None) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    """The headers that the application saw, and those of the answer."""
    seen: dict[bytes, bytes] = {}
    answered: dict[bytes, bytes] = {}

    async def application(scope: Any, _receive: Any, send: Any) -> None:
        seen.update(scope["headers"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})

    async def send(message: Any) -> None:
        answered.update(message["headers"])

    headers = [] if said is None else [(b"x-request-id", said)]
    asyncio.run(RequestIDs(application)({"type": "http", "headers": headers}, None, send))
    return seen, answered


def test_a_well_formed_id_of_the_client_is_kept():
    seen, answered = ask(b"trace-0123")

    assert seen[b"x-request-id"] == answered[b"x-request-id"] == b"trace-0123"
    assert answered[b"a"] == b"b"


@pytest.mark.parametrize("said", [None, b"", b"short", b"x" * 65, b"two\nlines-of-log", b"<script>alert"])
def test_anything_else_gets_a_new_one(said: bytes | None):
    seen, answered = ask(said)

    assert len(answered[b"x-request-id"]) == 16
    assert answered[b"x-request-id"] == seen[b"x-request-id"] != said
