"""The digest of a child's inputs, from where the SDK stores them to the message that asks for the child."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from typing import Any

import pytest
from flyte._internal.controllers.remote import _core
from flyteidl2.actions import actions_service_pb2
from flyteidl2.actions.actions_service_connect import ActionsServiceClient
from flyteidl2.core import literals_pb2
from flyteidl2.task import common_pb2

from runs.domain.inputs.digests import attached
from runs.executor.attempt.attempt import CURRENT, Attempt
from runs.executor.attempt.masking import MASK
from runs.executor.flyte import digests, sdk
from runs.protocol.frames import Key, Lease, RunInfo, SecretValue

SECRET = "correct-horse"


@pytest.fixture(autouse=True)
def stored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Installed for the length of a test: the addresses at which the SDK's function has stored something."""
    stored: list[str] = []

    async def upload(serialized_inputs: bytes, inputs_uri: str, max_bytes: int) -> None:
        stored.append(inputs_uri)

    monkeypatch.setattr(sdk.controller_module, digests.UPLOAD, upload)
    monkeypatch.setattr(ActionsServiceClient, "enqueue", ActionsServiceClient.enqueue)
    monkeypatch.setattr(digests, "_kept", OrderedDict())
    digests.install()
    return stored


def serialized(**values: Any) -> bytes:
    literals = [
        common_pb2.NamedLiteral(
            name=name,
            value=literals_pb2.Literal(
                scalar=literals_pb2.Scalar(
                    primitive=literals_pb2.Primitive(integer=value)
                    if isinstance(value, int)
                    else literals_pb2.Primitive(string_value=value)
                )
            ),
        )
        for name, value in values.items()
    ]
    return common_pb2.Inputs(literals=literals).SerializeToString()


async def store(data: bytes, uri: str) -> None:
    await sdk.controller_module.upload_inputs_with_retry(data, uri, max_bytes=10)


async def test_what_is_stored_is_said_when_the_child_is_asked_for(stored: list[str]):
    await store(serialized(number=17), "file:///a/inputs.pb")
    await store(serialized(number=18), "file:///b/inputs.pb")
    message = actions_service_pb2.Action(input_uri="file:///a/inputs.pb")

    digests.add_to(message)

    assert stored == ["file:///a/inputs.pb", "file:///b/inputs.pb"]
    assert attached(message) == '{"number":17}'


async def test_the_client_of_an_isolated_action_says_it_too(monkeypatch: pytest.MonkeyPatch):
    sent: list[Any] = []

    async def keep(self: Any, *, request: Any, **options: Any) -> None:
        sent.append((request, options))

    monkeypatch.setattr(ActionsServiceClient, "execute_unary", keep)
    await store(serialized(number=17), "file:///a/inputs.pb")
    request = actions_service_pb2.EnqueueRequest(
        action=actions_service_pb2.Action(input_uri="file:///a/inputs.pb")
    )

    await ActionsServiceClient("http://127.0.0.1:9").enqueue(request, timeout_ms=7)

    ((request, options),) = sent
    assert attached(request.action) == '{"number":17}'
    assert options["timeout_ms"] == 7


async def test_secrets_of_the_action_that_asks_are_masked():
    values = [SecretValue("key", "KEY", SECRET.encode())]
    lease = Lease(Key(1, "a0"), 1, 1, "", "", secrets=values)
    token = CURRENT.set(Attempt(lease, RunInfo(1, "", "p", "d", "r", "", "", "")))
    try:
        await store(serialized(token=f"Bearer {SECRET}", number=1), "file:///a/inputs.pb")
    finally:
        CURRENT.reset(token)
    message = actions_service_pb2.Action(input_uri="file:///a/inputs.pb")
    digests.add_to(message)

    assert SECRET not in attached(message)
    assert attached(message) == f'{{"token":"Bearer {MASK}","number":1}}'


async def test_inputs_that_cannot_be_read_are_stored_all_the_same(stored: list[str]):
    await store(b"\xff\xff", "file:///a/inputs.pb")
    message = actions_service_pb2.Action(input_uri="file:///a/inputs.pb")
    digests.add_to(message)

    assert stored == ["file:///a/inputs.pb"]
    assert attached(message) == ""


async def test_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(digests, "MAX_KEPT", 2)
    for number in range(5):
        await store(serialized(number=number), f"file:///{number}/inputs.pb")

    assert list(digests._kept) == ["file:///3/inputs.pb", "file:///4/inputs.pb"]


def test_the_sdk_stores_inputs_by_what_we_replace() -> None:
    """Else rows would not say which inputs their actions have."""
    source = inspect.getsource(sdk.controller_module.RemoteController)
    assert source.count("await upload_inputs_with_retry(serialized_inputs, inputs_uri, ") == 3
    assert "self._actions_service.enqueue(" in inspect.getsource(_core.Controller)
