"""Translates between our dataclasses and flyteidl2 messages, both ways. No database, no decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flyteidl2.actions import actions_service_pb2
from flyteidl2.common import identifier_pb2, identity_pb2, list_pb2
from flyteidl2.common import run_pb2 as common_run_pb2
from flyteidl2.core import catalog_pb2, execution_pb2
from flyteidl2.task import common_pb2, run_pb2, task_definition_pb2
from flyteidl2.workflow import run_definition_pb2, state_service_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from runs.domain.declared import links
from runs.domain.errors import Invalid
from runs.domain.names import ROOT, ActionRef, RunRef
from runs.domain.phases import SUCCESS, TERMINAL, Kind, Phase
from runs.domain.status import NO_REASON
from runs.protocol.abort_texts import abort_text
from runs.protocol.frames import AbortNote
from runs.queries.api import ActionDetails, ActionView, AttemptView, ErrorFacts
from runs.queries.filters import DEFAULT_LIMIT, MAX_LIMIT, Condition, ListQuery, Test
from runs.store import storage

_ERROR_KINDS = {
    "user": run_definition_pb2.ErrorInfo.KIND_USER,
    "system": run_definition_pb2.ErrorInfo.KIND_SYSTEM,
}
_EXECUTION_KINDS = {
    "user": execution_pb2.ExecutionError.USER,
    "system": execution_pb2.ExecutionError.SYSTEM,
}
MAX_FILTERS = 50


def number(value: int) -> Any:
    """An enum's number; the generated types want their own enum class, which any number is at run time."""
    return int(value)


def stamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def identity(subject: str) -> identity_pb2.EnrichedIdentity:
    """Who did something; the client prints the parts that a user has."""
    return identity_pb2.EnrichedIdentity(
        user=identity_pb2.User(
            id=identifier_pb2.UserIdentifier(subject=subject),
            # `flyte get task` prints the e-mail address only.
            spec=identity_pb2.UserSpec(first_name=subject, email=subject),
        )
    )


def run_id(ref: RunRef, org: str) -> identifier_pb2.RunIdentifier:
    return identifier_pb2.RunIdentifier(org=org, project=ref.project, domain=ref.domain, name=ref.name)


def action_id(ref: ActionRef, org: str) -> identifier_pb2.ActionIdentifier:
    return identifier_pb2.ActionIdentifier(run=run_id(ref.run, org), name=ref.name)


def status(view: ActionView) -> run_definition_pb2.ActionStatus:
    """The start is when the action was recorded, as in Flyte: until then there is nothing to show."""
    message = run_definition_pb2.ActionStatus(
        phase=number(view.phase),
        start_time=stamp(view.created_at),
        end_time=stamp(view.ended_at),
        attempts=view.attempt,
        cache_status=number(view.cache_status),
    )
    if view.ended_at:
        message.duration_ms = max(0, int((view.ended_at - view.created_at).total_seconds() * 1000))
    return message


def metadata(view: ActionView, run_spec: bytes = b"") -> run_definition_pb2.ActionMetadata:
    message = run_definition_pb2.ActionMetadata(
        parent=view.parent,
        group=view.group,
        executed_by=identity(view.created_by),
        action_type=number(view.kind),
        environment_name=view.environment,
        funtion_name=view.short_name,
    )
    match view.kind:
        case Kind.TASK:
            message.task.id.CopyFrom(task_id(view))
            message.task.task_type = view.task_type
            message.task.short_name = view.short_name
        case Kind.TRACE:
            message.trace.name = view.task_name
        case Kind.CONDITION:
            asked = run_definition_pb2.ConditionAction.FromString(view.detail)
            message.condition.name = asked.name
            message.condition.type.CopyFrom(asked.type)
    if view.phase is Phase.RECOVERED and view.source:
        message.recovered_from.CopyFrom(_source(view.source).action_id)
    if run_spec and view.ref.name == ROOT:
        spec = run_pb2.RunSpec.FromString(run_spec)
        if spec.HasField("relation"):
            message.relation.CopyFrom(spec.relation)
    return message


def task_id(view: ActionView) -> task_definition_pb2.TaskIdentifier:
    run = view.ref.run
    return task_definition_pb2.TaskIdentifier(
        org=view.org, project=run.project, domain=run.domain, name=view.task_name, version=view.task_version
    )


def action(view: ActionView) -> run_definition_pb2.Action:
    return run_definition_pb2.Action(
        id=action_id(view.ref, view.org), metadata=metadata(view), status=status(view)
    )


def run(view: ActionView) -> run_definition_pb2.Run:
    """A run is its root action and its labels."""
    return run_definition_pb2.Run(action=action(view), labels=view.labels)


def enriched(view: ActionView) -> run_definition_pb2.EnrichedAction:
    return run_definition_pb2.EnrichedAction(action=action(view), meets_filter=True)


def error_info(error: ErrorFacts) -> run_definition_pb2.ErrorInfo:
    kind = _ERROR_KINDS.get(error.kind, run_definition_pb2.ErrorInfo.KIND_UNSPECIFIED)
    return run_definition_pb2.ErrorInfo(message=error.message, kind=kind, code=error.code)


def action_details(details: ActionDetails) -> run_definition_pb2.ActionDetails:
    view = details.action
    message = run_definition_pb2.ActionDetails(
        id=action_id(view.ref, view.org),
        metadata=metadata(view, details.run_spec),
        status=status(view),
        attempts=[attempt(one) for one in details.attempts],
    )
    if view.kind is Kind.TASK:
        _add_links(message, details)
    if view.phase is Phase.ABORTED and view.abort:
        message.abort_info.reason = view.abort.reason or NO_REASON
        message.abort_info.aborted_by.CopyFrom(identity(view.abort.actor))
    elif view.phase in {Phase.FAILED, Phase.TIMED_OUT}:
        message.error_info.CopyFrom(error_info(view.error or _nameless(view)))
    elif details.signal:
        message.signal_info.signalled_by.CopyFrom(identity(details.signal.actor))
        message.signal_info.output.ParseFromString(details.signal.value)
    match view.kind:
        case Kind.TASK:
            message.task.ParseFromString(details.spec)
        case Kind.TRACE:
            trace = run_definition_pb2.TraceAction.FromString(view.detail)
            message.trace.CopyFrom(trace.spec)
        case Kind.CONDITION:
            message.condition.ParseFromString(view.detail)
    return message


def _add_links(message: run_definition_pb2.ActionDetails, details: ActionDetails) -> None:
    """The links that the task declares, with the names of each attempt."""
    template = task_definition_pb2.TaskSpec.FromString(details.spec).task_template
    ref = details.action.ref
    for told, one in zip(message.attempts, details.attempts, strict=True):
        names = links.names_of(
            project=ref.run.project,
            domain=ref.run.domain,
            run=ref.run.name,
            action=ref.name,
            attempt=one.number,
        )
        told.log_info.extend(links.messages_of(template, names, is_live=one.phase not in TERMINAL))


def _nameless(view: ActionView) -> ErrorFacts:
    return ErrorFacts(
        "Unknown", f"action {view.ref.name} {view.phase.label.lower()}, and no error was kept", "system"
    )


def attempt(one: AttemptView) -> run_definition_pb2.ActionAttempt:
    message = run_definition_pb2.ActionAttempt(
        phase=number(one.phase),
        start_time=stamp(one.started_at),
        end_time=stamp(one.ended_at),
        attempt=one.number,
        cache_status=number(one.cache_status),
        # An ended attempt that printed nothing counts as ready too: who waits for its logs would wait for ever.
        logs_available=one.has_logs or one.phase in TERMINAL,
        phase_transitions=[
            run_definition_pb2.PhaseTransition(
                phase=number(move.phase), start_time=stamp(move.started_at), end_time=stamp(move.ended_at)
            )
            for move in one.transitions
        ],
    )
    if one.source and one.cache_status == catalog_pb2.CACHE_HIT:
        message.cache_metadata.source_action_attempt.CopyFrom(_source(one.source))
    if one.error and one.phase in {Phase.FAILED, Phase.TIMED_OUT}:
        message.error_info.CopyFrom(error_info(one.error))
    if one.output_uri and one.phase in SUCCESS:
        message.outputs.output_uri = storage.join(one.output_uri, "outputs.pb")
        message.outputs.report_uri = storage.join(one.output_uri, "report.html")
    return message


def _source(text: str) -> identifier_pb2.ActionAttemptIdentifier:
    """The attempt that `Action.source` names."""
    project, domain, run, action, attempt = text.split("/")
    ref = ActionRef(RunRef(project, domain, run), action)
    return identifier_pb2.ActionAttemptIdentifier(action_id=action_id(ref, ""), attempt=int(attempt))


def run_details(details: ActionDetails) -> run_definition_pb2.RunDetails:
    return run_definition_pb2.RunDetails(
        run_spec=run_pb2.RunSpec.FromString(details.run_spec), action=action_details(details)
    )


def child_update(view: ActionView) -> actions_service_pb2.WatchForUpdatesResponse:
    """The update of a child for its parent: phase, error and outputs together, because its client merges them so."""
    update = state_service_pb2.ActionUpdate(
        action_id=action_id(view.ref, view.org), phase=number(view.phase), output_uri=view.output_uri
    )
    if view.phase is Phase.ABORTED:
        update.error.CopyFrom(_aborted(view))
    elif view.phase in {Phase.FAILED, Phase.TIMED_OUT}:
        update.error.CopyFrom(execution_error(view.error or _nameless(view)))
    if view.value:
        update.value.ParseFromString(view.value)
    return actions_service_pb2.WatchForUpdatesResponse(action_update=update)


def execution_error(error: ErrorFacts) -> execution_pb2.ExecutionError:
    kind = _EXECUTION_KINDS.get(error.kind, execution_pb2.ExecutionError.UNKNOWN)
    recoverability = (
        execution_pb2.ContainerError.RECOVERABLE
        if error.recoverable
        else execution_pb2.ContainerError.NON_RECOVERABLE
    )
    return execution_pb2.ExecutionError(
        code=error.code, message=error.message, kind=kind, recoverability=recoverability
    )


def _aborted(view: ActionView) -> execution_pb2.ExecutionError:
    abort = view.abort
    if abort is None:
        return execution_pb2.ExecutionError(
            code="ActionAbortedError",
            message=f"Action {view.ref.name} was aborted",
            kind=execution_pb2.ExecutionError.USER,
        )
    at = int(abort.requested_at.timestamp() * 1e6)
    note = AbortNote(abort.cause, abort.actor, abort.reason, abort.target, at)
    # An isolated parent parses the facts out of the message, so `frames` makes it and reads it.
    return execution_pb2.ExecutionError(
        code="ActionAbortedError",
        message=abort_text(view.ref.name, note),
        kind=execution_pb2.ExecutionError.USER,
        timestamp=stamp(abort.requested_at),
    )


def sentinel() -> actions_service_pb2.WatchForUpdatesResponse:
    return actions_service_pb2.WatchForUpdatesResponse(
        control_message=state_service_pb2.ControlMessage(sentinel=True)
    )


def offloaded(uri: str, inputs_hash: str) -> common_run_pb2.OffloadedInputData:
    return common_run_pb2.OffloadedInputData(uri=uri, inputs_hash=inputs_hash)


def list_query(request: list_pb2.ListRequest) -> ListQuery:
    """A ListRequest, checked: the old `sort_by` and the newer `sort_by_fields`, filters and paging."""
    sorts = list(request.sort_by_fields)
    if not sorts and request.sort_by.key:
        sorts = [request.sort_by]
    if request.raw_filters:
        raise Invalid("raw_filters are not supported, use filters")
    return ListQuery(
        conditions=conditions(request.filters),
        limit=limit(request.limit),
        offset=offset(request.token),
        sort=tuple((sort.key, sort.direction == list_pb2.Sort.DESCENDING) for sort in sorts),
    )


def conditions(filters: Any) -> tuple[Condition, ...]:
    if len(filters) > MAX_FILTERS:
        raise Invalid(f"there are {len(filters)} filters, at most {MAX_FILTERS} are allowed")
    return tuple(Condition(one.field, _test(one.function), tuple(one.values)) for one in filters)


def _test(function: int) -> Test:
    try:
        return Test(function)
    except ValueError as error:
        raise Invalid(f"{function} is not the number of a filter function") from error


def limit(value: int) -> int:
    if value > MAX_LIMIT:
        raise Invalid(f"limit is {value}, at most {MAX_LIMIT} are allowed")
    return value or DEFAULT_LIMIT


def offset(token: str) -> int:
    """A page token is the offset in digits."""
    if not token:
        return 0
    if not token.isascii() or not token.isdigit() or len(token) > 9:
        raise Invalid(f"{token[:80]!r} is not a token that this server has given out")
    return int(token)


def token(next_offset: int | None) -> str:
    return "" if next_offset is None else str(next_offset)


def inputs(data: bytes | None) -> common_pb2.Inputs:
    return common_pb2.Inputs.FromString(data or b"")


def outputs(data: bytes | None) -> common_pb2.Outputs:
    return common_pb2.Outputs.FromString(data or b"")
