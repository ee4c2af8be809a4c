"""The credential of a run in calls of the real SDK's client: to our server, and to nobody else."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import pytest
from flyte.remote._client.auth._session import create_session_config
from flyteidl2.auth import identity_pb2
from flyteidl2.auth.identity_connect import IdentityServiceClient

from runs.executor.attempt.environ import CREDENTIAL
from runs.executor.flyte import credentials, sdk

ANSWER = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/proto\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class Listener:
    """A server that answers each call with an empty message, and keeps the heads that it got."""

    def __init__(self) -> None:
        self.heads: list[str] = []

    async def __aenter__(self) -> Self:
        self.server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *raised: object) -> None:
        self.server.close()
        await self.server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        writer.write(ANSWER)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    @property
    def shown(self) -> str:
        """The Authorization header of the last call, or ""."""
        lines = [line for line in self.heads[-1].splitlines() if line.lower().startswith("authorization:")]
        return lines[0].partition(":")[2].strip() if lines else ""


@pytest.fixture
def _unwrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test installs ends with it."""
    interceptor = sdk.default_metadata.DefaultMetadataInterceptor
    monkeypatch.setattr(interceptor, "on_start", interceptor.on_start)
    monkeypatch.delenv(CREDENTIAL, raising=False)


async def call(url: str, **headers: Any) -> None:
    """As `flyte.remote` calls, without TLS, so without any authentication of the SDK."""
    session = await create_session_config(url, insecure=True)
    client = IdentityServiceClient(**session.connect_kwargs())
    await client.user_info(identity_pb2.UserInfoRequest(), headers=headers or None)


@pytest.mark.usefixtures("_unwrapped")
async def test_the_sdks_client_shows_the_runs_credential_to_our_server_only(monkeypatch: pytest.MonkeyPatch):
    async with Listener() as ours, Listener() as other:
        credentials.install(ours.url)
        monkeypatch.setenv(CREDENTIAL, "run_7.signed")

        await call(ours.url)
        await call(other.url)

    assert ours.shown == "Bearer run_7.signed"
    assert other.shown == ""
    assert "x-request-id" in ours.heads[-1]


@pytest.mark.usefixtures("_unwrapped")
async def test_what_user_code_shows_itself_stays(monkeypatch: pytest.MonkeyPatch):
    async with Listener() as ours:
        credentials.install(ours.url)
        monkeypatch.setenv(CREDENTIAL, "run_7.signed")

        await call(ours.url, authorization="Bearer of the user")

    assert ours.shown == "Bearer of the user"


@pytest.mark.usefixtures("_unwrapped")
async def test_where_nobody_signs_in_nothing_is_shown():
    async with Listener() as ours:
        credentials.install(ours.url)

        await call(ours.url)

    assert ours.shown == ""


@pytest.mark.parametrize(
    ("url", "address"),
    [("http://localhost:8000", "localhost:8000"), ("https://flyte.example/", "flyte.example:443")],
)
def test_an_address_is_written_as_the_client_writes_it(url: str, address: str):
    assert credentials.address_of(url) == address
