"""A worker in a process of its own, and the server that it believes in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.server import serve

from tests.support.executor.fake_control import FakeControl, a_worker


@pytest.fixture
async def control() -> AsyncIterator[tuple[FakeControl, str]]:
    made = FakeControl()
    async with serve(made.serve, "127.0.0.1", 0) as server:
        yield made, f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


@pytest.fixture
async def worker(
    control: tuple[FakeControl, str], tmp_path: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    async with a_worker(control, tmp_path) as process:
        yield process
