"""A run that prints what a test tells it to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pages.log_panel import Chat
from tests.support.server.server import Server


@pytest.fixture
def chat(server: Server, tmp_path: Path) -> Iterator[Chat]:
    """A chat of its own for each test; what still runs at the end is ended."""
    chat = Chat(server, tmp_path / "orders")
    yield chat
    chat.say("end")
