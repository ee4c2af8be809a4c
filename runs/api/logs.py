"""Tailing logs: DataProxyService.TailLogs, which the client uses, and the older RunLogsService beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from connectrpc.request import RequestContext
from flyteidl2.common import identifier_pb2
from flyteidl2.logs.dataplane import payload_pb2
from flyteidl2.workflow import run_logs_service_connect, run_logs_service_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from runs import database, events, specs
from runs.api.watch import watch
from runs.errors import Invalid
from runs.queries import api as queries

# Our own notes about an action; what user code printed or logged is the user's.
_SYSTEM = "system"


async def tail(
    identifier: identifier_pb2.ActionIdentifier, attempt: int
) -> AsyncIterator[list[payload_pb2.LogLine]]:
    """Lines of one attempt from its first one on; ends when the attempt has ended and all is told."""
    ref = specs.read_action_ref(identifier)
    action = await database.read(queries.get_action, ref)
    if attempt > action.attempt:
        raise Invalid(f"action {ref.name!r} has {action.attempt} attempts, there is no attempt {attempt}")
    last = 0
    async with watch(events.log_group(action.id)) as change:
        while True:
            page = await database.read(queries.read_log, action.id, attempt or action.attempt, after=last)
            last = page.last_id
            if page.lines:
                yield [_line(line) for line in page.lines]
            if page.is_complete:
                return
            if not page.lines:
                await change.wait()


def _line(line: queries.LogLine) -> payload_pb2.LogLine:
    at = Timestamp()
    at.FromMicroseconds(line.at_us)
    originator = payload_pb2.SYSTEM if line.stream == _SYSTEM else payload_pb2.USER
    text = line.text if line.text.endswith("\n") else f"{line.text}\n"
    return payload_pb2.LogLine(timestamp=at, message=text, originator=originator)


class RunLogs(run_logs_service_connect.RunLogsService):
    """The service of older clients."""

    async def tail_logs(
        self, request: run_logs_service_pb2.TailLogsRequest, ctx: RequestContext[Any, Any]
    ) -> AsyncIterator[run_logs_service_pb2.TailLogsResponse]:
        async for lines in tail(request.action_id, request.attempt):
            yield run_logs_service_pb2.TailLogsResponse(
                logs=[run_logs_service_pb2.TailLogsResponse.Logs(lines=lines)]
            )
