"""What makes the SDK's client quick to have: the start of each executor and of each isolated action waits for it."""

from __future__ import annotations

import inspect
import logging

import pytest
from flyte import _initialize as initialize
from flyte import _logging
from flyte._initialize import init

from runs.executor.flyte import child_controller, tasks
from runs.executor.flyte.sdk import PLAIN_LOGS, auth_session


def test_what_certificates_are_trusted_is_read_before_the_forks() -> None:
    """Else each action reads them again, which takes 30 ms of its start."""
    assert "get_async_session(ca_cert_file_path=" in inspect.getsource(auth_session.create_session_config)
    child_controller.share_trust()
    trust = set()
    for _ in range(2):
        session = vars(auth_session)["get_async_session"](ca_cert_file_path=None)
        trust.add(id(session._transport._pool._ssl_context))
    assert len(trust) == 1


def test_its_loggers_write_plain_lines_where_a_variable_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what an action logs has the form of a terminal, and is not known to be a log."""
    assert _logging.get_rich_handler(logging.WARNING) is not None
    monkeypatch.setenv(PLAIN_LOGS, "1")
    assert _logging.get_rich_handler(logging.WARNING) is None


async def test_a_client_is_made_before_it_is_known_for_which_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each run waits until the executor has made its client, or `flyte.remote` looks in another project."""
    monkeypatch.setattr(initialize, "_init_config", None)
    await init.aio(endpoint="http://127.0.0.1:9", insecure=True, disable_keyring=True)
    client = initialize.get_client()

    tasks.set_scope("acme", "trains", "staging")

    assert initialize.get_client() is client
    assert (initialize.get_init_config().org, initialize.current_project(), initialize.current_domain()) == (
        "acme", "trains", "staging",
    )  # fmt: skip
