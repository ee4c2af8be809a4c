"""What tests of isolated actions ask of a bench: events, processes, and that these are gone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from runs.protocol.frames import Key
from tests.executor.conftest import Bench
from tests.support.executor.fake_server import FakeServer
from tests.support.executor.forked import ForkedExecutor
from tests.support.processes import is_alive
from tests.support.server.server import wait_until

ROOT = Key(1, "a0")


def events(server: FakeServer, kind: type[Any], key: Key = ROOT) -> list[Any]:
    of_kind: list[Any] = [event for event in server.events if isinstance(event, kind)]
    return [event for event in of_kind if event.key == key]


def text(server: FakeServer, run: int = 1) -> str:
    return "".join(text for _, text in server.lines("a0", run))


def pids(server: FakeServer, run: int = 1) -> list[int]:
    return [int(text[4:]) for _, text in server.lines("a0", run) if text.startswith("pid ")]


async def running(bench: Bench, task: str, count: int = 1, *, run: int = 1, **values: Any) -> list[int]:
    """Start a task that prints its processes; return their numbers."""
    await bench.start(task, run=run, **values)
    await bench.server.until(lambda: len(pids(bench.server, run)) == count, f"{count} processes")
    return pids(bench.server, run)


async def until_gone(*numbers: int) -> None:
    await asyncio.to_thread(wait_until, lambda: not any(map(is_alive, numbers)), f"{numbers} are gone", 10)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def zygote_of(process: ForkedExecutor) -> int:
    return children_of(process.pid)[0]
