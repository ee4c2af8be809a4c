"""A NUL in what a request says: PostgreSQL stores none, SQLite does, and neither is an error of ours.

On PostgreSQL too where the machine has one (test_postgres.py).
"""

from __future__ import annotations

import json
import logging

import httpx
import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.db import connection
from django.test import Client

from runs.protocol import frames, worker_frames
from runs.protocol.constants import BAD_MESSAGE
from runs.sockets.workers import WorkerConsumer
from tests.support import factories
from tests.support.nets import NET_SECONDS

pytestmark = pytest.mark.django_db(transaction=True)
RUN = "/v2/domain/development/project/flytesnacks/runs/run1"
ID = {"project": "flytesnacks", "domain": "development", "name": "run1"}
NO_TEXT = "a\0b"


def expected() -> set[int]:
    """What a text with a NUL, where any text may stand, is answered with."""
    return {400} if connection.vendor == "postgresql" else {200, 204, 302, 303}


@pytest.fixture(autouse=True)
def no_error(caplog: pytest.LogCaptureFixture):
    yield
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (f"{RUN}/abort", {"action": "a0", "reason": NO_TEXT}),
        (f"{RUN}/abort", {"action": NO_TEXT}),
        (f"{RUN}/actions/a0/signal", {"value": NO_TEXT}),
    ],
)
def test_a_form_with_one_is_answered(path: str, form: dict[str, str]):
    factories.make_run("2")

    assert Client().post(path, form).status_code < 500


def test_the_reason_of_an_abort_is_kept_or_refused():
    factories.make_run("2")
    said = {"names": ["a0-1"], "reason": NO_TEXT}

    answer = Client().post(f"{RUN}/aborts", json.dumps(said), content_type="application/json")

    assert answer.status_code in expected()


@pytest.mark.parametrize("field", ["names", "phase", "group", "beside"])
def test_what_is_selected_by_one_is_not_there(field: str):
    factories.make_run("2")
    said = {field: [NO_TEXT] if field == "names" else NO_TEXT}

    answer = Client().post(f"{RUN}/aborts", json.dumps(said), content_type="application/json")

    assert 200 <= answer.status_code < 500


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("workflow.RunService/AbortRun", {"runId": ID, "reason": NO_TEXT}),
        ("workflow.RunService/AbortRun", {"runId": {**ID, "name": NO_TEXT}}),
        ("workflow.RunService/AbortAction", {"actionId": {"run": ID, "name": NO_TEXT}}),
        ("workflow.RunService/GetRunDetails", {"runId": {**ID, "project": NO_TEXT}}),
        ("workflow.RunService/ListRuns", {"projectId": {"name": NO_TEXT, "domain": "development"}}),
        ("project.ProjectService/GetProject", {"id": NO_TEXT}),
        ("task.TaskService/GetTaskDetails", {"taskId": {**ID, "name": NO_TEXT, "version": NO_TEXT}}),
    ],
)
async def test_a_call_with_one_is_not_repeated(web: httpx.AsyncClient, method: str, body: dict[str, object]):
    await sync_to_async(factories.make_run)("2")

    answer = await web.post(f"/flyteidl2.{method}", json=body)

    assert answer.status_code == 200 or answer.json()["code"] in {"invalid_argument", "not_found"}


async def test_a_worker_with_one_in_its_name_is_served_or_refused_and_its_socket_ends():
    token = f"Bearer {settings.EXECUTOR_TOKEN}".encode()
    peer = WebsocketCommunicator(WorkerConsumer.as_asgi(), "/", headers=[(b"authorization", token)])
    await peer.connect(timeout=NET_SECONDS)
    await peer.send_to(bytes_data=frames.encode(worker_frames.WorkerHello(NO_TEXT, "host", 1)))
    await peer.send_to(bytes_data=b"\xc1")
    while (output := await peer.receive_output(NET_SECONDS))["type"] != "websocket.close":
        pass

    await peer.disconnect(timeout=NET_SECONDS)

    assert output["code"] == BAD_MESSAGE
    assert peer.future.exception() is None
