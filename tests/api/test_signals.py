"""Conditions through the API: both ways to signal, and where a client reads of them."""

from __future__ import annotations

import asyncio

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from flyteidl2.actions import actions_service_pb2
from flyteidl2.common import list_pb2, phase_pb2
from flyteidl2.core import literals_pb2, types_pb2
from flyteidl2.workflow import run_definition_pb2, run_service_pb2

from runs.domain import conditions
from runs.domain.phases import Kind
from tests.api.conftest import API
from tests.support import messages

Payload = run_service_pb2.EventPayload


@pytest.fixture
async def asked(api: API) -> API:
    """A run whose root waits for `q1`, an integer, beside a task."""
    await api.runs.create_run(messages.create_run())
    for child in (messages.condition(simple=types_pb2.INTEGER), messages.child()):
        await api.actions.enqueue(actions_service_pb2.EnqueueRequest(action=child))
    return api


async def signal_event(api: API, payload: Payload, name: str = "q1", parent: str = "a0") -> None:
    await api.runs.signal_event(
        run_service_pb2.SignalEventRequest(
            action_id=messages.action_id(name), parent_action_name=parent, payload=payload
        )
    )


async def details(api: API, name: str = "q1") -> run_definition_pb2.ActionDetails:
    request = run_service_pb2.GetActionDetailsRequest(action_id=messages.action_id(name))
    return (await api.runs.get_action_details(request)).details


async def test_a_condition_is_read_with_its_type_and_its_question(asked: API) -> None:
    found = await details(asked)

    assert found.status.phase == phase_pb2.ACTION_PHASE_PAUSED
    assert (found.metadata.condition.name, found.metadata.parent) == ("go?", "a0")
    assert found.metadata.condition.type.simple == found.condition.type.simple == types_pb2.INTEGER
    assert found.WhichOneof("result") is None


async def test_conditions_are_listed_alone_with_their_types_and_runs_that_wait_too(asked: API) -> None:
    only = list_pb2.Filter(field="action_type", values=[str(int(Kind.CONDITION))])
    request = run_service_pb2.ListActionsRequest(
        run_id=messages.run_id(), request=list_pb2.ListRequest(filters=[only])
    )
    paused = run_service_pb2.ListRunsRequest(project_id=messages.project_id(), paused_actions_only=True)

    (found,) = (await asked.runs.list_actions(request)).actions
    assert (found.id.name, found.metadata.condition.type.simple) == ("q1", types_pb2.INTEGER)
    assert len((await asked.runs.list_runs(paused)).runs) == 1

    await signal_event(asked, Payload(int_value=1))
    assert len((await asked.runs.list_runs(paused)).runs) == 0


async def test_a_signal_reaches_the_watching_parent_with_its_value(asked: API) -> None:
    stream = asked.actions.watch_for_updates(
        actions_service_pb2.WatchForUpdatesRequest(parent_action_id=messages.action_id())
    )
    async with asyncio.timeout(10):
        while not (await anext(stream)).control_message.sentinel:
            pass
        await signal_event(asked, Payload(int_value=42))
        update = (await anext(stream)).action_update

    assert (update.action_id.name, update.phase) == ("q1", phase_pb2.ACTION_PHASE_SUCCEEDED)
    assert update.value.scalar.primitive.integer == 42


async def test_details_say_who_signalled_what(asked: API) -> None:
    request = actions_service_pb2.SignalRequest(action_id=messages.action_id("q1"), parent_action_name="a0")
    request.value.CopyFrom(conditions.literal(7))
    request.signalled_by.user.id.subject = "ann"

    await asked.actions.signal(request)
    await asked.actions.signal(request)

    info = (await details(asked)).signal_info
    assert (info.signalled_by.user.id.subject, info.output.scalar.primitive.integer) == ("ann", 7)


@pytest.mark.parametrize(
    ("name", "parent", "payload", "code", "words"),
    [
        ("q1", "a0", Payload(float_value=1.0), Code.INVALID_ARGUMENT, "waits for an integer, not for 1.0"),
        ("q1", "a0", Payload(), Code.INVALID_ARGUMENT, "the payload has no value"),
        ("q1", "c1", Payload(int_value=1), Code.INVALID_ARGUMENT, "c1 is not the parent"),
        ("c1", "", Payload(int_value=1), Code.FAILED_PRECONDITION, "c1 is a task, not a condition"),
        ("zz", "", Payload(int_value=1), Code.NOT_FOUND, "'zz'"),
    ],
)
async def test_a_wrong_signal_is_refused(
    asked: API, name: str, parent: str, payload: Payload, code: Code, words: str
) -> None:
    with pytest.raises(ConnectError, match=words) as caught:
        await signal_event(asked, payload, name, parent)

    assert caught.value.code is code
    assert (await details(asked)).status.phase == phase_pb2.ACTION_PHASE_PAUSED


async def test_a_second_value_and_one_that_comes_too_late_are_refused(asked: API) -> None:
    await signal_event(asked, Payload(int_value=1))

    with pytest.raises(ConnectError, match="was signalled with 1") as caught:
        await signal_event(asked, Payload(int_value=2))
    assert caught.value.code is Code.FAILED_PRECONDITION


async def test_a_literal_that_no_condition_waits_for_is_refused(asked: API) -> None:
    request = actions_service_pb2.SignalRequest(
        action_id=messages.action_id("q1"),
        value=literals_pb2.Literal(collection=literals_pb2.LiteralCollection()),
    )
    with pytest.raises(ConnectError, match="must be a boolean, an integer") as caught:
        await asked.actions.signal(request)
    assert caught.value.code is Code.INVALID_ARGUMENT


async def test_a_condition_ends_by_its_signal_only(asked: API) -> None:
    """ActionsService.Update is for what runs outside of our executors."""
    request = actions_service_pb2.UpdateRequest(action_id=messages.action_id("q1"), attempt=1)
    request.status.phase = phase_pb2.ACTION_PHASE_SUCCEEDED

    with pytest.raises(ConnectError, match="signal it") as caught:
        await asked.actions.update(request)
    assert caught.value.code is Code.FAILED_PRECONDITION
