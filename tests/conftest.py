"""What every test stands on: where it may connect to, which database it gets, how it is marked."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path

import hypothesis
import pytest
from django.db import connections

TESTS = Path(__file__).parent
E2E_TIMEOUT_SECONDS = 180

# Examples share two cores with other tests, so the time of one says nothing about the code.
hypothesis.settings.register_profile("shared-machine", deadline=None)
hypothesis.settings.load_profile("shared-machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(TESTS / "e2e"):
            item.add_marker(pytest.mark.e2e)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(E2E_TIMEOUT_SECONDS))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Put the SQLite test database in a file: in memory, two connections cannot race as they do in production."""
    for connection in connections.all():
        if connection.vendor == "sqlite":
            connection.settings_dict["TEST"]["NAME"] = str(Path(os.environ["FLYTEUI_HOME"]) / "test.sqlite3")


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    """Each test has an empty database, so the ids that the process remembers are stale."""
    from runs import operations
    from runs.queries import lists

    lists._bars.clear()
    operations._spec_ids.clear()
    operations._pool_ids.clear()


@pytest.fixture(autouse=True)
def _only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for another host fails at once, and says which."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded_connect(self: socket.socket, address: object) -> None:
        refuse_other_hosts(address)
        connect(self, address)  # type: ignore[arg-type]

    def guarded_connect_ex(self: socket.socket, address: object) -> int:
        refuse_other_hosts(address)
        return connect_ex(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)


def refuse_other_hosts(address: object) -> None:
    if isinstance(address, tuple) and not is_loopback(str(address[0])):
        pytest.fail(f"a test tried to connect to {address[0]}:{address[1]}; tests stay on this machine")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
