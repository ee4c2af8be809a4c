"""RunService: runs are created, read, watched and aborted here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext
from django.conf import settings
from flyteidl2.workflow import run_definition_pb2, run_service_connect, run_service_pb2

from runs.api import wire
from runs.api.dataproxy import data_uris
from runs.api.door import FORCE_HEADER, visible_to
from runs.api.identity import actor_of, owner_of
from runs.domain import conditions, specs
from runs.domain.declared import services
from runs.domain.errors import Invalid
from runs.domain.names import ROOT, ActionRef, RunRef, check_scope
from runs.domain.phases import Phase
from runs.engine.aborts import request_abort
from runs.engine.conditions import signal_condition
from runs.engine.creation import create_run
from runs.launch.requests import read_request
from runs.queries import api as queries
from runs.queries import filters
from runs.queries.filters import Condition, Test
from runs.store import database, hints
from runs.store.watch import watch

Context = RequestContext[Any, Any]
# AbortRunResponse has no fields, so the outcome of the abort is in a header, e.g. "already_ended".
OUTCOME_HEADER = "x-flyteui-outcome"
PHASE_HEADER = "x-flyteui-phase"
_WATCH_CHUNK = 500


class Runs(run_service_connect.RunService):
    """What the console of Flyte alone uses (WatchRuns, WatchGroups, windows) is not supported."""

    async def create_run(
        self, request: run_service_pb2.CreateRunRequest, ctx: Context
    ) -> run_service_pb2.CreateRunResponse:
        new = await read_request(request, created_by=owner_of(ctx))
        ref = await database.write(create_run, new)
        root = await database.read(queries.get_action, ActionRef(ref))
        return run_service_pb2.CreateRunResponse(run=wire.run(root))

    async def get_run_details(
        self, request: run_service_pb2.GetRunDetailsRequest, ctx: Context
    ) -> run_service_pb2.GetRunDetailsResponse:
        ref = specs.read_run_ref(request.run_id)
        details = await database.read(queries.get_action_details, ActionRef(ref))
        return run_service_pb2.GetRunDetailsResponse(details=wire.run_details(details))

    async def get_action_details(
        self, request: run_service_pb2.GetActionDetailsRequest, ctx: Context
    ) -> run_service_pb2.GetActionDetailsResponse:
        ref = specs.read_action_ref(request.action_id)
        details = await database.read(queries.get_action_details, ref)
        return run_service_pb2.GetActionDetailsResponse(details=wire.action_details(details))

    async def watch_action_details(
        self, request: run_service_pb2.WatchActionDetailsRequest, ctx: Context
    ) -> AsyncIterator[run_service_pb2.WatchActionDetailsResponse]:
        async for details in _watch_details(specs.read_action_ref(request.action_id)):
            yield run_service_pb2.WatchActionDetailsResponse(details=wire.action_details(details))

    async def watch_run_details(
        self, request: run_service_pb2.WatchRunDetailsRequest, ctx: Context
    ) -> AsyncIterator[run_service_pb2.WatchRunDetailsResponse]:
        async for details in _watch_details(ActionRef(specs.read_run_ref(request.run_id))):
            yield run_service_pb2.WatchRunDetailsResponse(details=wire.run_details(details))

    async def list_runs(
        self, request: run_service_pb2.ListRunsRequest, ctx: Context
    ) -> run_service_pb2.ListRunsResponse:
        project, domain, scope = _scope(request)
        query = wire.list_query(request.request)
        page = await database.read(
            filters.list_runs,
            project,
            domain,
            replace(query, conditions=(*scope, *query.conditions)),
            domains=settings.DOMAINS,
            paused_only=request.paused_actions_only,
            projects=visible_to(ctx),
        )
        return run_service_pb2.ListRunsResponse(
            runs=[wire.run(view) for view in page.actions], token=wire.token(page.next_offset)
        )

    async def list_actions(
        self, request: run_service_pb2.ListActionsRequest, ctx: Context
    ) -> run_service_pb2.ListActionsResponse:
        root = await _root(specs.read_run_ref(request.run_id))
        query = wire.list_query(request.request)
        page = await database.read(filters.list_actions, root.run_id, query)
        return run_service_pb2.ListActionsResponse(
            actions=[wire.action(view) for view in page.actions], token=wire.token(page.next_offset)
        )

    async def watch_actions(
        self, request: run_service_pb2.WatchActionsRequest, ctx: Context
    ) -> AsyncIterator[run_service_pb2.WatchActionsResponse]:
        """All actions, then those that changed; ends with the run."""
        root = await _root(specs.read_run_ref(request.run_id))
        conditions = wire.conditions(request.filter)
        sent_seq = -1
        async with watch(hints.run_group(root.run_id)) as change:
            while True:
                changed = await database.read(queries.list_changed, root.run_id, after=sent_seq)
                for start in range(0, len(changed), _WATCH_CHUNK):
                    yield run_service_pb2.WatchActionsResponse(
                        enriched_actions=[
                            _enrich(view, conditions) for view in changed[start : start + _WATCH_CHUNK]
                        ]
                    )
                sent_seq = changed[-1].changed_seq if changed else sent_seq
                if any(view.ref.name == ROOT and view.is_terminal for view in changed):
                    return
                await change.wait()

    async def abort_run(
        self, request: run_service_pb2.AbortRunRequest, ctx: Context
    ) -> run_service_pb2.AbortRunResponse:
        await _abort(specs.read_run_ref(request.run_id), request.reason, ctx)
        return run_service_pb2.AbortRunResponse()

    async def abort_action(
        self, request: run_service_pb2.AbortActionRequest, ctx: Context
    ) -> run_service_pb2.AbortActionResponse:
        await _abort(specs.read_action_ref(request.action_id), request.reason, ctx)
        return run_service_pb2.AbortActionResponse()

    async def signal_event(
        self, request: run_service_pb2.SignalEventRequest, ctx: Context
    ) -> run_service_pb2.SignalEventResponse:
        await database.write(
            signal_condition,
            specs.read_action_ref(request.action_id),
            conditions.read_payload(request.payload),
            actor=actor_of(ctx),
            parent=request.parent_action_name,
        )
        return run_service_pb2.SignalEventResponse()

    async def get_action_data_u_r_is(
        self, request: run_service_pb2.GetActionDataURIsRequest, ctx: Context
    ) -> run_service_pb2.GetActionDataURIsResponse:
        action = await database.read(queries.get_action, specs.read_action_ref(request.action_id))
        inputs_uri, outputs_uri = data_uris(action)
        return run_service_pb2.GetActionDataURIsResponse(inputs_uri=inputs_uri, outputs_uri=outputs_uri)


async def _root(ref: RunRef) -> queries.ActionView:
    return await database.read(queries.get_action, ActionRef(ref))


async def _abort(target: RunRef | ActionRef, reason: str, ctx: Context) -> None:
    force = _is_forced(ctx)
    answer = await database.write(request_abort, target, reason=reason, actor=actor_of(ctx), force=force)
    ctx.response_headers()[OUTCOME_HEADER] = answer.outcome
    ctx.response_headers()[PHASE_HEADER] = Phase(answer.phase).slug


def _is_forced(ctx: Context) -> bool:
    force = ctx.request_headers().get(FORCE_HEADER, "0")
    if force not in {"0", "1"}:
        raise Invalid(f"the header {FORCE_HEADER} is {force!r}; it must be 1 to force the abort, or 0")
    return force == "1"


async def _watch_details(ref: ActionRef) -> AsyncIterator[queries.ActionDetails]:
    """The details now and after each change; ends after a terminal phase, which the client waits for."""
    action = await database.read(queries.get_action, ref)
    sent_seq = -1
    async with watch(hints.run_group(action.run_id)) as change:
        while True:
            # Most hints are about other actions of the run, so read one column before all.
            if await database.read(queries.get_changed_seq, action.id) != sent_seq:
                details = await database.read(queries.get_action_details, ref)
                sent_seq = details.action.changed_seq
                yield details
                if details.action.is_terminal:
                    return
            await change.wait()


def _scope(request: run_service_pb2.ListRunsRequest) -> tuple[str, str, tuple[Condition, ...]]:
    """Project, domain (empty: all) and what the request's scope adds to the filters."""
    match request.WhichOneof("scope_by"):
        case "project_id":
            where = request.project_id
            return check_scope("project", where.name), check_scope("domain", where.domain), ()
        case "task_name":
            task = request.task_name
            named = (Condition("task_name", Test.EQUAL, (task.name,)),)
            return check_scope("project", task.project), check_scope("domain", task.domain), named
        case "task_id":
            exact = request.task_id
            both = (
                Condition("task_name", Test.EQUAL, (exact.name,)),
                Condition("task_version", Test.EQUAL, (exact.version,)),
            )
            return check_scope("project", exact.project), check_scope("domain", exact.domain), both
        case "trigger_name":
            raise ConnectError(Code.UNIMPLEMENTED, str(services.TRIGGERS))
        case _:
            return "", "", ()


def _enrich(view: queries.ActionView, conditions: tuple[Condition, ...]) -> run_definition_pb2.EnrichedAction:
    message = wire.enriched(view)
    message.meets_filter = all(_meets(view, condition) for condition in conditions)
    return message


def _meets(view: queries.ActionView, condition: Condition) -> bool:
    """The two filters of the console: a part of the name, and a set of phases."""
    if condition.field.lower() == "phase":
        return str(int(view.phase)) in condition.values
    wanted = "".join(condition.values).lower()
    return any(wanted in text.lower() for text in (view.ref.name, view.short_name, view.task_name))
