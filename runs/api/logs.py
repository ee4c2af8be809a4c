"""Tailing logs: DataProxyService.TailLogs, which the client uses, and the older RunLogsService beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from connectrpc.request import RequestContext
from flyteidl2.common import identifier_pb2
from flyteidl2.logs.dataplane import payload_pb2
from flyteidl2.workflow import run_logs_service_connect, run_logs_service_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from runs.domain import specs
from runs.domain.errors import Invalid
from runs.queries.api import get_action
from runs.queries.logs.action_log import LogLine, LogOffset, read_attempt
from runs.store import database, hints
from runs.store.watch import watch

# Our own notes about an action; what user code printed or logged is the user's.
_SYSTEM = "system"


async def tail(
    identifier: identifier_pb2.ActionIdentifier, attempt: int
) -> AsyncIterator[list[payload_pb2.LogLine]]:
    """Lines of one attempt from its first one on; ends when the attempt has ended and all were sent."""
    ref = specs.read_action_ref(identifier)
    action = await database.read(get_action, ref)
    if attempt > action.attempt:
        raise Invalid(f"action {ref.name!r} has {action.attempt} attempts, there is no attempt {attempt}")
    offset, number = LogOffset(), attempt or action.attempt
    async with watch(hints.log_group(action.id)) as change:
        while True:
            log, is_complete = await database.read(read_attempt, action.id, number, offset)
            offset = log.offset
            if log.lines:
                yield [_line(line) for line in log.lines]
            if is_complete:
                return
            if not log.lines:
                await change.wait()


def _line(line: LogLine) -> payload_pb2.LogLine:
    at = Timestamp()
    at.FromDatetime(line.at)
    originator = payload_pb2.SYSTEM if line.stream == _SYSTEM else payload_pb2.USER
    return payload_pb2.LogLine(timestamp=at, message=f"{line.text}\n", originator=originator)


class RunLogs(run_logs_service_connect.RunLogsService):
    """The service of older clients."""

    async def tail_logs(
        self, request: run_logs_service_pb2.TailLogsRequest, ctx: RequestContext[Any, Any]
    ) -> AsyncIterator[run_logs_service_pb2.TailLogsResponse]:
        async for lines in tail(request.action_id, request.attempt):
            yield run_logs_service_pb2.TailLogsResponse(
                logs=[run_logs_service_pb2.TailLogsResponse.Logs(lines=lines)]
            )
