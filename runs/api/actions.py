"""ActionsService: what the SDK of a running parent asks for. Isolated actions use it over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext
from flyteidl2.actions import actions_service_connect, actions_service_pb2

from runs.api import wire
from runs.api.door import CODE, subject_of
from runs.domain import conditions, specs
from runs.domain.errors import Invalid
from runs.domain.failures import Failure
from runs.domain.names import ActionRef
from runs.domain.phases import Cause, Kind, Phase
from runs.domain.specs import NewAction
from runs.engine.aborts import request_abort
from runs.engine.conditions import signal_condition
from runs.engine.creation import enqueue
from runs.engine.endings import report
from runs.queries import api as queries
from runs.store import database, hints, storage
from runs.store.watch import watch

Context = RequestContext[Any, Any]


class Actions(actions_service_connect.ActionsService):
    """Writes go through the engine. A watch reads the children of a parent anew after each hint."""

    async def enqueue(
        self, request: actions_service_pb2.EnqueueRequest, ctx: Context
    ) -> actions_service_pb2.EnqueueResponse:
        new = specs.read_action(request.action)
        _check_addresses(new)
        if new.kind is Kind.TRACE and new.failure:
            new = replace(new, failure=await _trace_failure(new))
        await database.write(enqueue, ActionRef(new.ref.run, new.parent), new)
        return actions_service_pb2.EnqueueResponse()

    async def watch_for_updates(
        self, request: actions_service_pb2.WatchForUpdatesRequest, ctx: Context
    ) -> AsyncIterator[actions_service_pb2.WatchForUpdatesResponse]:
        """All children, a sentinel, then changes, for as long as the parent lives.

        Ending cleanly would make the client reconnect at once and for ever; CANCELED ends its watch silently.
        """
        parent = await database.read(queries.get_action, specs.read_action_ref(request.parent_action_id))
        sent_seq = -1
        async with watch(hints.run_group(parent.run_id)) as change:
            is_replay = True
            while True:
                # Asked before the children are read, so that none of their ends is missed.
                is_over = await database.read(queries.has_ended, parent.id)
                for child in await database.read(
                    queries.list_changed, parent.run_id, after=sent_seq, parent_id=parent.id
                ):
                    sent_seq = child.changed_seq
                    if not (is_replay and _waits_for_signal(child)):
                        yield wire.child_update(child)
                if is_replay:
                    yield wire.sentinel()
                    is_replay = False
                if is_over:
                    raise ConnectError(Code.CANCELED, f"action {parent.ref.name!r} has ended")
                await change.wait()

    async def abort(
        self, request: actions_service_pb2.AbortRequest, ctx: Context
    ) -> actions_service_pb2.AbortResponse:
        """The SDK sends this, without a reason, when the coroutine that awaits a child was cancelled."""
        ref = specs.read_action_ref(request.action_id)
        subject = subject_of(ctx)
        if request.reason or request.HasField("aborted_by") or subject.way not in CODE:
            actor = subject.on_behalf_of(request.aborted_by.user.id.subject).actor
            cause = Cause.EXTERNAL_ABORT
        else:
            actor = (await database.read(queries.get_action, ref)).parent or subject.actor
            cause = Cause.CANCELLED_BY_PARENT
        await database.write(request_abort, ref, reason=request.reason, actor=actor, cause=cause)
        return actions_service_pb2.AbortResponse()

    async def signal(
        self, request: actions_service_pb2.SignalRequest, ctx: Context
    ) -> actions_service_pb2.SignalResponse:
        await database.write(
            signal_condition,
            specs.read_action_ref(request.action_id),
            conditions.read_literal(request.value),
            actor=subject_of(ctx).on_behalf_of(request.signalled_by.user.id.subject).actor,
            parent=request.parent_action_name,
        )
        return actions_service_pb2.SignalResponse()

    async def update(
        self, request: actions_service_pb2.UpdateRequest, ctx: Context
    ) -> actions_service_pb2.UpdateResponse:
        ref = specs.read_action_ref(request.action_id)
        try:
            phase = Phase(request.status.phase)
        except ValueError as error:
            raise Invalid(f"{request.status.phase} is not the number of a phase") from error
        failure = None
        if phase is Phase.FAILED:
            failure = Failure("Unknown", f"action {ref.name!r} was reported as failed", "unknown")
        await database.write(report, ref, request.attempt, phase, failure=failure, output_uri="")
        return actions_service_pb2.UpdateResponse()


def _waits_for_signal(child: queries.ActionView) -> bool:
    """Whether a replay must leave the child out: the client would take a waiting condition for a task and lose its value."""
    return child.kind is Kind.CONDITION and not child.is_terminal


def _check_addresses(new: NewAction) -> None:
    """Raise Invalid unless all that the server or an executor will read for the action is in the storage."""
    bundle_uri = new.task.bundle_uri if new.task else ""
    addresses = {
        "input_uri": new.input_uri, "run_output_base": new.run_output_base, "output_uri": new.output_uri,
        "code bundle": bundle_uri,
    }  # fmt: skip
    for what, address in addresses.items():
        if address:
            storage.check_inside(f"{what} of action {new.name!r}", address)


async def _trace_failure(new: NewAction) -> Failure | None:
    """The error that the SDK has written beside the trace's inputs, if it can be read."""
    uri = storage.join(new.run_output_base, new.name, "error.pb")
    try:
        data = await asyncio.to_thread(storage.read_bytes, uri)
    except Invalid:
        return new.failure
    return specs.read_failure(data) if data else new.failure
