"""Sends requests to an ASGI application of this process, and watches what they cost others: counted in CPU, not in time."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterator
from concurrent.futures import thread
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

NET_SECONDS = 120.0  # what has not ended by then never does
QUIET_SECONDS = 1.0  # a client stays so long with a stream that says nothing
STREAM_SECONDS = 0.05  # and so long with one that has begun

MEGABYTE = 1024 * 1024
OURS = {"internal", "unknown", "data_loss"}  # Connect codes by which a server says that it erred


def measure_second() -> float:
    """Seconds of CPU that this machine takes, now, for what a usual one does in one: a second that no step may take from others."""
    begun = time.thread_time()
    sum(range(2_000_000))
    return max(1.0, 50 * (time.thread_time() - begun))


@dataclass(frozen=True)
class Request:
    """As ASGI has it. path: unquoted."""

    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    is_stream: bool = False


@dataclass
class Answer:
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    def code(self, *, is_stream: bool) -> str:
        """The Connect code of an error, "" of anything else."""
        body = self.body
        if is_stream and self.status == 200:  # the last envelope says it
            while len(body) >= 5:
                flags, size = body[0], int.from_bytes(body[1:5], "big")
                if flags & 2:
                    return str(json.loads(body[5 : 5 + size] or b"{}").get("error", {}).get("code", ""))
                body = body[5 + size :]
            return ""
        try:
            return str(json.loads(body).get("code", "")) if self.status >= 400 else ""
        except (ValueError, AttributeError):
            return ""


async def send(application: Any, request: Request) -> Answer:
    """Send it as Daphne would; a stream is left after a moment. Raises TimeoutError for what does not end."""
    answer, begun, leaving, came = Answer(), asyncio.Event(), asyncio.Event(), [True]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": request.method, "scheme": "http",
        "path": request.path, "raw_path": request.path.encode("utf-8", "replace"), "query_string": request.query, "root_path": "",
        "headers": [*([] if any(name == b"host" for name, _ in request.headers) else [(b"host", b"localhost")]), *request.headers],
        "client": ["127.0.0.1", 4711], "server": ["127.0.0.1", 8000],
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        if came:
            came.pop()
            return {"type": "http.request", "body": request.body, "more_body": False}
        await leaving.wait()
        return {"type": "http.disconnect"}

    async def respond(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message.get("headers", ()))
            begun.set()
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")

    task = asyncio.ensure_future(application(scope, receive, respond))
    if request.is_stream:
        beginning = asyncio.ensure_future(begun.wait())
        await asyncio.wait({task, beginning}, timeout=QUIET_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        beginning.cancel()
        await asyncio.wait({task}, timeout=STREAM_SECONDS)
    else:
        await asyncio.wait({task}, timeout=NET_SECONDS)
    leaving.set()
    async with asyncio.timeout(NET_SECONDS):
        await task
    return answer


class Errors(logging.Handler):
    """Keeps what is logged as an error: of a request, whatever it holds, none is. What Django refuses by itself, it logs so too."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # Without a worker /readyz is 503, and says so in truth.
        if not record.name.startswith("django.security") and "/readyz" not in record.getMessage():
            self.found.append(self.format(record))


@dataclass
class Costs:
    """The longest single step of the event loop and of a thread of a pool, in seconds of CPU."""

    step: float = 0.0
    work: float = 0.0


@contextmanager
def watched() -> Iterator[tuple[Errors, Costs]]:
    """Count what everything inside costs."""
    errors, costs = Errors(), Costs()
    root = logging.getLogger()
    run_step, run_work = asyncio.Handle._run, thread._WorkItem.run

    def counted_step(handle: asyncio.Handle) -> None:
        begun = time.thread_time()
        run_step(handle)
        costs.step = max(costs.step, time.thread_time() - begun)

    def counted_work(item: Any) -> None:
        begun = time.thread_time()
        run_work(item)
        costs.work = max(costs.work, time.thread_time() - begun)

    root.addHandler(errors)
    try:
        with (
            mock.patch.object(asyncio.Handle, "_run", counted_step),
            mock.patch.object(thread._WorkItem, "run", counted_work),
        ):
            yield errors, costs
    finally:
        root.removeHandler(errors)


def memory() -> int:
    """Of this process, in bytes."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))
