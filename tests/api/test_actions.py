"""ActionsService: what the SDK of a running parent does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from channels.layers import get_channel_layer
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from flyteidl2.actions import actions_service_pb2
from flyteidl2.common import phase_pb2
from flyteidl2.core import execution_pb2, types_pb2
from flyteidl2.workflow import run_definition_pb2, run_service_pb2

from runs.domain.failures import Failure
from runs.domain.names import ActionRef, RunRef
from runs.domain.phases import Cause, Kind, Phase
from runs.domain.specs import read_action
from runs.engine import creation
from runs.engine.endings import report
from runs.models import Action
from runs.store import database
from tests.api.conftest import API
from tests.support import messages
from tests.support.threads import in_thread

RUN = RunRef("flytesnacks", "development", "run1")
WATCH = actions_service_pb2.WatchForUpdatesRequest(parent_action_id=messages.action_id())


@pytest.fixture
async def started(api: API) -> API:
    await api.runs.create_run(messages.create_run())
    await database.write(report, ActionRef(RUN), 1, Phase.RUNNING, failure=None, output_uri="")
    return api


async def enqueue(api: API, action: actions_service_pb2.Action) -> None:
    await api.actions.enqueue(actions_service_pb2.EnqueueRequest(action=action))


async def end(name: str, phase: Phase, *, failure: Failure | None = None, output_uri: str = "") -> None:
    await database.write(report, ActionRef(RUN, name), 1, phase, failure=failure, output_uri=output_uri)


async def following(stream: AsyncIterator[Any]) -> Any:
    async with asyncio.timeout(10):
        return await anext(stream)


def get_action(name: str) -> Action:
    return Action.objects.select_related("abort", "parent").get(name=name)


async def test_a_child_is_enqueued_once(started: API) -> None:
    await enqueue(started, messages.child())

    with pytest.raises(ConnectError, match="c1") as caught:
        await enqueue(started, messages.child())

    assert caught.value.code is Code.ALREADY_EXISTS
    child = await database.read(get_action, "c1")
    assert (child.phase, child.group, child.task_name) == (Phase.QUEUED, "some", "env.child")


@pytest.mark.parametrize(
    ("action", "code", "words"),
    [
        (messages.child(run="nope"), Code.NOT_FOUND, "nope"),
        (messages.child(parent="zz"), Code.NOT_FOUND, "zz"),
        (messages.child("a0", parent="c9"), Code.INVALID_ARGUMENT, "'a0' is the root"),
        (messages.child("c1", parent="c1"), Code.INVALID_ARGUMENT, "its own parent"),
        (messages.child("../x"), Code.INVALID_ARGUMENT, "action name '../x'"),
        (
            actions_service_pb2.Action(action_id=messages.action_id("c1"), parent_action_name="a0"),
            Code.INVALID_ARGUMENT,
            "has no task, trace or condition",
        ),
        (messages.condition(simple=types_pb2.DATETIME), Code.INVALID_ARGUMENT, "must be a boolean"),
        (
            messages.trace(phase=phase_pb2.ACTION_PHASE_RUNNING),
            Code.INVALID_ARGUMENT,
            "trace 'look_up' (t1) must have ended",
        ),
    ],
)
async def test_a_bad_child_is_refused_by_name(
    started: API, storage_folder: Path, action: actions_service_pb2.Action, code: Code, words: str
) -> None:
    if action.input_uri:  # made before this test had a storage of its own
        action.input_uri = f"file://{storage_folder}/inputs.pb"
    with pytest.raises(ConnectError) as caught:
        await enqueue(started, action)

    assert caught.value.code is code
    assert words in caught.value.message


async def test_nothing_starts_in_a_run_that_has_ended(started: API) -> None:
    await end("a0", Phase.SUCCEEDED)

    with pytest.raises(ConnectError, match="run1 has ended") as caught:
        await enqueue(started, messages.child())

    assert caught.value.code is Code.ABORTED


async def test_a_watch_replays_the_children_then_says_so_then_goes_on(started: API) -> None:
    await enqueue(started, messages.child("c1"))
    await enqueue(started, messages.child("c2"))
    await end("c1", Phase.SUCCEEDED, output_uri="file:///out/c1/1")
    stream: Any = started.actions.watch_for_updates(WATCH)

    replayed = [(await following(stream)).action_update for _ in range(2)]
    assert {update.action_id.name for update in replayed} == {"c1", "c2"}
    ended = next(update for update in replayed if update.action_id.name == "c1")
    assert (ended.phase, ended.output_uri) == (Phase.SUCCEEDED, "file:///out/c1/1")
    assert (await following(stream)).control_message.sentinel

    await end("c2", Phase.FAILED, failure=Failure("ValueError", "no", "user"))
    update = (await following(stream)).action_update
    assert (update.action_id, update.phase) == (messages.action_id("c2"), Phase.FAILED)
    assert (update.error.code, update.error.message) == ("ValueError", "no")
    assert update.error.kind == execution_pb2.ExecutionError.USER
    await stream.aclose()


async def test_an_aborted_child_says_by_whom_and_why(started: API) -> None:
    await enqueue(started, messages.child())
    await started.runs.abort_action(
        run_service_pb2.AbortActionRequest(action_id=messages.action_id("c1"), reason="too slow")
    )
    stream: Any = started.actions.watch_for_updates(WATCH)

    update = (await following(stream)).action_update

    assert update.phase == Phase.ABORTED
    assert update.error.code == "ActionAbortedError"
    assert "c1 was aborted by" in update.error.message
    assert update.error.message.endswith("too slow (external abort)")
    await stream.aclose()


async def test_a_waiting_condition_is_told_live_only(started: API) -> None:
    await enqueue(started, messages.condition())
    stream: Any = started.actions.watch_for_updates(WATCH)
    assert (await following(stream)).control_message.sentinel

    await enqueue(started, messages.condition("q2"))

    update = (await following(stream)).action_update
    assert (update.action_id.name, update.phase) == ("q2", Phase.PAUSED)
    await stream.aclose()


async def test_the_watch_of_a_parent_that_ended_is_cancelled_not_closed(started: API) -> None:
    await end("a0", Phase.SUCCEEDED)
    stream: Any = started.actions.watch_for_updates(WATCH)

    assert (await following(stream)).control_message.sentinel
    with pytest.raises(ConnectError, match="'a0' has ended") as caught:
        await following(stream)

    assert caught.value.code is Code.CANCELED


async def test_a_poll_repairs_a_lost_hint(started: API, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runs.store.watch.POLL_SECONDS", 0.05)
    stream: Any = started.actions.watch_for_updates(WATCH)
    assert (await following(stream)).control_message.sentinel
    layer: Any = get_channel_layer()
    await layer.flush()

    # Straight to the operation: its hints go nowhere.
    await in_thread(creation.enqueue, ActionRef(RUN), read_action(messages.child("c1")))

    assert (await following(stream)).action_update.action_id.name == "c1"
    await stream.aclose()


async def test_a_cancelled_await_is_recorded_as_the_parents(started: API) -> None:
    await enqueue(started, messages.child())

    await started.actions.abort(actions_service_pb2.AbortRequest(action_id=messages.action_id("c1")))

    child = await database.read(get_action, "c1")
    assert child.abort is not None
    assert (child.phase, child.abort.cause, child.abort.actor) == (
        Phase.ABORTED,
        Cause.CANCELLED_BY_PARENT,
        "a0",
    )


async def test_a_trace_is_recorded_as_it_ended(started: API, storage_folder: Path) -> None:
    await enqueue(started, messages.trace())

    failed = messages.trace("t2", phase=phase_pb2.ACTION_PHASE_FAILED)
    failed.run_output_base = f"file://{storage_folder}/run1"
    written = storage_folder / "run1" / "t2" / "error.pb"
    written.parent.mkdir(parents=True)
    error = execution_pb2.ContainerError(
        code="KeyError", message="'x'", origin=execution_pb2.ExecutionError.USER
    )
    written.write_bytes(execution_pb2.ErrorDocument(error=error).SerializeToString())
    await enqueue(started, failed)

    good, bad = await database.read(get_action, "t1"), await database.read(get_action, "t2")
    assert (good.kind, good.phase) == (Kind.TRACE, Phase.SUCCEEDED)
    assert good.output_uri == f"file://{storage_folder}/x/outputs.pb"
    assert good.ended_at is not None
    assert good.started_at is not None
    assert (good.ended_at - good.started_at).total_seconds() == 2
    assert (bad.phase, bad.error_code, bad.error_message) == (Phase.FAILED, "KeyError", "'x'")
    details = await started.runs.get_action_details(
        run_service_pb2.GetActionDetailsRequest(action_id=messages.action_id("t1"))
    )
    assert details.details.metadata.trace.name == "look_up"


async def test_an_update_ends_an_action(started: API) -> None:
    await enqueue(started, messages.child())
    request = actions_service_pb2.UpdateRequest(
        action_id=messages.action_id("c1"),
        attempt=1,
        status=run_definition_pb2.ActionStatus(phase=phase_pb2.ACTION_PHASE_SUCCEEDED),
    )

    await started.actions.update(request)
    with pytest.raises(ConnectError) as again:
        await started.actions.update(
            actions_service_pb2.UpdateRequest(
                action_id=messages.action_id("c1"),
                attempt=1,
                status=run_definition_pb2.ActionStatus(phase=phase_pb2.ACTION_PHASE_FAILED),
            )
        )

    assert again.value.code is Code.FAILED_PRECONDITION
    assert (await database.read(get_action, "c1")).phase == Phase.SUCCEEDED
