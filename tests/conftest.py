"""What every test stands on: where it may connect to, which database it gets, how it is marked."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from asgiref.sync import SyncToAsync
from django.conf import settings
from django.core.management.commands import flush
from django.db import connections

from runs.store import database
from tests.support.long import long_or_short
from tests.support.server.server import migrated_database, remove_migrated

if TYPE_CHECKING:
    from tests.support.made_up_provider import MadeUpProvider

TESTS = Path(__file__).parent
E2E_TIMEOUT_SECONDS = 300

# Examples share two cores with other tests, so the time of one says nothing about the code.
hypothesis.settings.register_profile("shared-machine", deadline=None, max_examples=long_or_short(100, 30))
hypothesis.settings.load_profile("shared-machine")

# A test client has middleware of its own, which would look at every static file as it starts; so it looks when one is asked for.
settings.WHITENOISE_AUTOREFRESH = True


def _forget_content_types(*_: object, **__: object) -> None:
    from django.contrib.contenttypes.models import ContentType

    ContentType.objects.clear_cache()


# After each test that commits, Django empties the tables and then makes the permissions of all models anew, which takes a fifth of
# the time of such tests. What needs one makes it.
flush.emit_post_migrate_signal = _forget_content_types  # type: ignore[attr-defined]  # the stubs leave it out


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(TESTS / "e2e"):
            item.add_marker(pytest.mark.e2e)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(E2E_TIMEOUT_SECONDS))
        elif hypothesis.is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.long)
        elif "bench" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.processes)


def pytest_unconfigure() -> None:
    remove_migrated()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Put the SQLite test database in a file: in memory, two connections cannot race as they do in production.

    It begins as a copy of one that has been migrated, once for all processes. On a PostgreSQL that others use too, each process has
    one of its own.
    """
    for connection in connections.all():
        if connection.vendor == "sqlite":
            file = Path(os.environ["FLYTEUI_HOME"]) / "test.sqlite3"
            shutil.copy(migrated_database(), file)
            connection.settings_dict["TEST"]["NAME"] = str(file)
        else:
            connection.settings_dict["TEST"]["NAME"] = f"test_flyteui_{os.getpid()}"


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Whether the test database is taken as it is found, and stays: the copy goes with the folder that it is in."""
    return all(connection.vendor == "sqlite" for connection in connections.all())


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Close what threads hold open before the test database is dropped: PostgreSQL drops none that somebody uses."""
    yield
    if connections["default"].vendor == "postgresql":
        close_connections_of_threads()


def close_connections_of_threads() -> None:
    """Those of the readers, of the writer, and of the thread in which Django runs what must not be in several."""
    for pool in (database._readers, database._writer, SyncToAsync.single_thread_executor):
        meeting = threading.Barrier(pool._max_workers)  # so that each of its threads takes one

        def close(meeting: threading.Barrier = meeting) -> None:
            meeting.wait(60)
            connections.close_all()

        for done in [pool.submit(close) for _ in range(pool._max_workers)]:
            done.result(60)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """Each test has an empty database, so the ids that the process remembers are stale. No worker of a test is there after it."""
    from runs.engine.creation import _pool_ids, _spec_ids
    from runs.queries import run_list
    from runs.queries.listing import counts, matching, texts
    from runs.store import presence

    run_list._bars.clear()
    counts._kept.clear()
    matching._searches.clear()
    for source in texts.SOURCES:
        source.clear()
    _spec_ids.clear()
    _pool_ids.clear()
    yield
    left = dict(presence._workers)
    presence._workers.clear()
    assert left == {}


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


@pytest.fixture
def provider(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[MadeUpProvider]:
    """An identity provider of the test's own, in mode oidc, of which nothing is known yet."""
    from runs.access.oidc import provider as its
    from tests.support.made_up_provider import CLI, PAGES, made_up_provider

    with made_up_provider() as made:
        settings.AUTH = "oidc"
        settings.OIDC = replace(
            settings.OIDC,
            issuer=made.issuer,
            client_id=PAGES,
            client_secret="secret-of-pages",
            cli_client_id=CLI,
            audiences=(CLI,),
        )
        monkeypatch.setattr(its, "_metadata", its.Document(its._discover))
        monkeypatch.setattr(its, "_jwks", its.Document(its._fetch_jwks))
        yield made
