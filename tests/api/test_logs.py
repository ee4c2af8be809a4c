"""Tailing logs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from connectrpc.errors import ConnectError
from flyteidl2.dataproxy import dataproxy_service_pb2
from flyteidl2.workflow import run_logs_service_pb2

from runs.domain.names import ActionRef, RunRef
from runs.domain.phases import Phase
from runs.engine.endings import report
from runs.models import Action
from runs.store import database, hints
from tests.api.conftest import API
from tests.support import messages
from tests.support.factories import make_log

RUN = RunRef("flytesnacks", "development", "run1")


def print_line(text: str) -> None:
    action = Action.objects.get(name="a0")
    make_log(action, text)
    hints.publish(hints.log_group(action.pk))


async def test_a_tail_tells_old_lines_then_new_ones_and_ends_with_the_attempt(api: API) -> None:
    await api.runs.create_run(messages.create_run())
    await database.write(report, ActionRef(RUN), 1, Phase.RUNNING, failure=None, output_uri="")
    await database.write(print_line, "one\n")
    told: list[str] = []

    async with asyncio.timeout(10):
        stream: Any = api.data.tail_logs(
            dataproxy_service_pb2.TailLogsRequest(action_id=messages.action_id(), attempt=1)
        )
        async for answer in stream:
            told.extend(line.message for logs in answer.logs for line in logs.lines)
            if told == ["one\n"]:
                await database.write(print_line, "\x1b[31mtwo\x1b[0m\r")
            elif told == ["one\n", "\x1b[31mtwo\x1b[0m\r\n"]:
                await database.write(print_line, "three\n")
                await database.write(
                    report,
                    ActionRef(RUN),
                    1,
                    Phase.SUCCEEDED,
                    failure=None,
                    output_uri="file:///o",
                )

    assert told == ["one\n", "\x1b[31mtwo\x1b[0m\r\n", "three\n"], "a terminal gets it as it was printed"


async def test_the_older_service_tells_the_same(api: API) -> None:
    await api.runs.create_run(messages.create_run())
    await database.write(print_line, "one\n")
    await database.write(report, ActionRef(RUN), 1, Phase.SUCCEEDED, failure=None, output_uri="")

    async with asyncio.timeout(10):
        stream: Any = api.logs.tail_logs(
            run_logs_service_pb2.TailLogsRequest(action_id=messages.action_id(), attempt=1)
        )
        told = [line.message async for answer in stream for logs in answer.logs for line in logs.lines]

    assert told == ["one\n"]


async def test_an_attempt_that_never_was_is_refused(api: API) -> None:
    await api.runs.create_run(messages.create_run())

    with pytest.raises(ConnectError, match="there is no attempt 4"):
        async for _ in api.data.tail_logs(
            dataproxy_service_pb2.TailLogsRequest(action_id=messages.action_id(), attempt=4)
        ):
            pass
