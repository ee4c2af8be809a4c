"""A request cannot stop the server by its log, nor have secrets written into it."""

from __future__ import annotations

import logging
import threading
from typing import Any

import httpx
import pytest
import structlog

from flyteui import logs
from runs.api.asgi import application

APPLICATION: Any = application
LIST = "/flyteidl2.workflow.RunService/ListRuns"


class Lines(logging.Handler):
    """Keeps what is written; waits before the first line, if it is to."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.may_write = threading.Event()
        self.is_writing = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.is_writing.set()
        self.may_write.wait(20)
        self.lines.append(self.format(record))


@pytest.fixture
def formatter() -> logging.Formatter:
    config = logs.logging_config("INFO")["formatters"]["people"]
    made: logging.Formatter = config.pop("()")(**config)
    return made


def fail(depth: int, cookie: str, body: str) -> None:
    if depth:
        fail(depth - 1, cookie, body)
    raise ValueError("it failed " + "y" * 100_000)


def failure() -> logging.LogRecord:
    try:
        fail(100, "sessionid=the-session", "x" * 10_000_000)
    except ValueError as error:
        about = (type(error), error, error.__traceback__)
    return logging.LogRecord(
        "daphne", logging.ERROR, __file__, 1, "Exception inside application", None, about
    )


@pytest.mark.parametrize("name", ["x-anything", "cookie", "authorization"])
async def test_a_header_that_is_not_ascii_is_refused_by_name(name: str):
    client = httpx.AsyncClient(transport=httpx.ASGITransport(APPLICATION), base_url="http://localhost:8000")

    answer = await client.post(
        LIST,
        content=b"{}" + b" " * 10_000,
        headers=[(b"content-type", b"application/json"), (name.encode(), b"\x80")],
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")
    assert name in answer.json()["message"]


def test_a_traceback_has_an_end_and_no_values(formatter: logging.Formatter):
    line = formatter.format(failure())

    assert len(line) < logs.MAX_TRACEBACK + 1000
    assert "the-session" not in line
    assert "xxxx" not in line
    assert line.count("in fail") <= logs.MAX_FRAMES
    assert "ValueError: it failed" in line


@pytest.mark.parametrize(
    "event",
    [
        {"headers": [(b"cookie", b"sessionid=hidden; a=hidden"), (b"authorization", b"Bearer hidden")]},
        {"authorization": "Bearer hidden"},
        {"executor_token": "hidden"},
        {"text": "GET / Cookie: sessionid=hidden"},
        {"text": "Authorization: Basic hidden"},
        {"text": "called with bearer hidden, twice"},
        {"text": "{'Set-Cookie': 'csrftoken=hidden'}"},
    ],
)
def test_secrets_are_left_out(formatter: logging.Formatter, event: dict[str, Any]):
    record = logging.LogRecord("x", logging.INFO, __file__, 1, {"event": "asked", **event}, None, None)
    record.__dict__ |= {"_logger": logging.getLogger("x"), "_name": "info"}

    line = formatter.format(record)

    assert "hidden" not in line
    assert logs.REDACTED in line


def test_a_long_value_is_cut(formatter: logging.Formatter):
    line = formatter.format(logging.LogRecord("x", logging.INFO, __file__, 1, "z" * 1_000_000, None, None))

    assert len(line) < 2 * logs.MAX_VALUE


def test_a_line_is_written_by_a_thread_and_none_is_lost_at_the_end(formatter: logging.Formatter):
    target = Lines()
    target.setFormatter(formatter)
    handler = logs.WriteInThread(target)

    for number in range(3):
        handler.handle(logging.LogRecord("x", logging.INFO, __file__, 1, f"line {number}", None, None))
    assert target.is_writing.wait(20)
    assert target.lines == []  # it is still being written, and who logs has gone on
    target.may_write.set()
    handler.close()

    assert [line.rpartition("line ")[2][0] for line in target.lines] == ["0", "1", "2"]


def test_lines_beyond_a_number_are_dropped(formatter: logging.Formatter, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(logs, "MAX_WAITING_LINES", 5)
    target = Lines()
    target.setFormatter(formatter)
    handler = logs.WriteInThread(target)

    for number in range(100):
        handler.handle(logging.LogRecord("x", logging.INFO, __file__, 1, f"line {number}", None, None))
    target.may_write.set()
    handler.close()

    assert 5 <= len(target.lines) <= 6


def test_the_context_of_a_request_is_in_its_lines(formatter: logging.Formatter):
    target = Lines()
    target.may_write.set()
    target.setFormatter(formatter)
    handler = logs.WriteInThread(target)

    with structlog.contextvars.bound_contextvars(request_id="abcdefgh"):
        handler.handle(logging.LogRecord("x", logging.INFO, __file__, 1, "asked", None, None))
    handler.close()

    assert "abcdefgh" in target.lines[0]
