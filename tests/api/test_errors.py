"""What the API refuses before a service sees it, how errors are told, and what is left of a client that went away."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import httpx
import pytest
from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from flyteidl2.workflow import run_service_pb2

from runs.api import asgi
from runs.api.errors import CODES
from runs.domain import errors
from runs.queries import api as queries
from tests.api.conftest import API
from tests.support import messages

LIST = "/flyteidl2.workflow.RunService/ListRuns"
JSON = {"content-type": "application/json"}


async def test_json_works_as_with_curl(web: httpx.AsyncClient) -> None:
    asked = {"projectId": {"name": "flytesnacks", "domain": "development"}}

    answer = await web.post(LIST, json=asked)

    assert (answer.status_code, answer.json()) == (200, {})


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8000", ""])
@pytest.mark.parametrize("path", [LIST, "/upload/x"])
async def test_another_host_is_refused(web: httpx.AsyncClient, host: str, path: str) -> None:
    method = "PUT" if path.startswith("/upload") else "POST"
    answer = await web.request(method, path, content=b"{}", headers={**JSON, "host": host})

    assert answer.status_code == 400
    assert "this server is not" in answer.json()["message"]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/grpc",
    ],
)
async def test_what_a_form_can_send_is_refused(web: httpx.AsyncClient, content_type: str) -> None:
    answer = await web.post(LIST, content=b"{}", headers={"content-type": content_type})

    assert answer.status_code == 415


async def test_other_methods_and_services_are_refused(web: httpx.AsyncClient) -> None:
    assert (await web.get(LIST, headers=JSON)).status_code == 405
    assert (await web.options(LIST)).status_code == 405
    unknown = await web.post("/flyteidl2.app.AppService/List", json={})
    assert (unknown.status_code, unknown.json()["code"]) == (501, "unimplemented")
    unsupported = await web.post("/flyteidl2.workflow.RunService/GetActionLogContext", json={})
    assert unsupported.json()["code"] == "unimplemented"
    assert (await web.post("/flyteidl2.workflow.RunService/Nothing", json={})).status_code == 404


@pytest.mark.parametrize(
    ("content", "headers", "words"),
    [
        (b"{", JSON, "is not a flyteidl2.workflow.ListRunsRequest message"),
        (b'{"colour": 1}', JSON, 'no field named "colour"'),
        (b"\xff\xff", {"content-type": "application/proto"}, "is not a flyteidl2.workflow.ListRunsRequest"),
        (b"nonsense", {**JSON, "content-encoding": "gzip"}, "not valid gzip"),
        (gzip.compress(b"{}", mtime=0)[:-4], {**JSON, "content-encoding": "gzip"}, "cut off"),
        (
            gzip.compress(b" " * (asgi.MAX_BODY_BYTES + 9), mtime=0),
            {**JSON, "content-encoding": "gzip"},
            "larger than",
        ),
        (b" " * (asgi.MAX_BODY_BYTES + 9), JSON, "larger than"),
    ],
)
async def test_a_broken_body_is_the_senders_fault(
    web: httpx.AsyncClient, content: bytes, headers: dict[str, str], words: str
) -> None:
    answer = await web.post(LIST, content=content, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")
    assert words in answer.json()["message"]


async def test_what_nobody_foresaw_is_unknown_and_keeps_its_secrets(
    api: API, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("password=123")

    monkeypatch.setattr(queries, "get_action_details", fail)

    with pytest.raises(ConnectError) as caught:
        await api.runs.get_run_details(run_service_pb2.GetRunDetailsRequest(run_id=messages.run_id()))

    assert caught.value.code is Code.UNKNOWN
    assert "RuntimeError" in caught.value.message
    assert "password" not in caught.value.message


def test_no_error_is_told_as_internal_and_every_one_of_ours_has_a_code() -> None:
    assert Code.INTERNAL not in {code for _, code in CODES}
    ours = [
        one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.FlyteUIError) and one is not errors.FlyteUIError
    ]
    for one in ours:
        covered = any(issubclass(one, kind) for kind, _ in CODES)
        assert covered or issubclass(one, errors.ExecutorError), one


async def test_a_client_that_leaves_a_quiet_stream_leaves_nothing_behind(api: API) -> None:
    await api.runs.create_run(messages.create_run())
    body = json.dumps({"actionId": {"run": _run(), "name": "a0"}}).encode()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "method": "POST",
        "path": "/flyteidl2.workflow.RunService/WatchActionDetails",
        "root_path": "",
        "query_string": b"",
        "scheme": "http",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/connect+json")],
    }
    layer: Any = get_channel_layer()
    # Other tests of this process may have left groups of theirs.
    before, members = asyncio.all_tasks(), _members(layer)
    client = ApplicationCommunicator(asgi.application, scope)
    await client.send_input({"type": "http.request", "body": b"\x00" + len(body).to_bytes(4, "big") + body})
    assert (await client.receive_output(5))["status"] == 200
    await client.receive_output(5)
    assert _members(layer) != members

    await client.send_input({"type": "http.disconnect"})
    await client.wait(5)

    assert _members(layer) == members
    assert asyncio.all_tasks() - before == set()


def _members(layer: Any) -> dict[str, set[str]]:
    """Who listens to which run."""
    return {group: set(names) for group, names in layer.groups.items() if group.startswith("run.")}


def _run() -> dict[str, str]:
    return {"project": "flytesnacks", "domain": "development", "name": "run1"}
