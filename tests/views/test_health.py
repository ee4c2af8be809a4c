from __future__ import annotations

import pytest
from django.test import Client

from runs.store import presence, storage

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_process_answers():
    assert Client().get("/healthz").content == b"ok\n"


def test_not_ready_without_a_worker():
    answer = Client().get("/readyz")

    assert answer.status_code == 503
    assert "worker" in answer.content.decode()


def test_ready_with_a_worker(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(presence, "workers_connected", lambda: 1)

    assert Client().get("/readyz").status_code == 200


def test_not_ready_when_the_storage_cannot_be_written(monkeypatch: pytest.MonkeyPatch):
    def refuse(uri: str, content: bytes) -> None:
        raise PermissionError("read-only file system")

    monkeypatch.setattr(storage, "write_bytes", refuse)

    answer = Client().get("/readyz")

    assert answer.status_code == 503
    assert "storage: read-only" in answer.content.decode()
