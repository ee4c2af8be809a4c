"""What tests of law 14 ask: a bench with the tasks of `workflows/leaving.py`, and whether what they started goes on."""

from __future__ import annotations

import fcntl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from runs.protocol import frames
from runs.protocol.frames import Key
from tests.executor.conftest import Bench
from tests.support.executor import user_code
from tests.support.executor.fake_server import FakeServer

GRACE_SECONDS = 0.4
LONG_SECONDS = 30.0
ROOT = Key(1, "a0")


@asynccontextmanager
async def bench_of_leaving(folder: Path) -> AsyncIterator[Bench]:
    """With a grace period that no test waits for."""
    server = FakeServer()
    server.grace_seconds = LONG_SECONDS
    await server.start()
    made = Bench(server, folder, user_code.load("leaving"), user_code.bundle(folder, "leaving"))
    yield made
    await made.stop()
    await server.stop()


async def start(bench: Bench, task: str, *, run: int = 1, **values: str) -> None:
    await bench.start(task, run=run, gate=str(bench.folder), **values)
    await bench.server.until(lambda: bench.server.lines("a0", run=run), f"the first line of {task}")


def goes_on(folder: Path) -> bool:
    """Whether anything that was started lives still: it would hold the lock."""
    with (folder / "beat").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def until_gone(folder: Path) -> None:
    with (folder / "beat").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def finished(bench: Bench, key: Key = ROOT) -> frames.Finished:
    (found,) = [one for one in bench.server.events if isinstance(one, frames.Finished) and one.key == key]
    return found


def refusals(bench: Bench) -> list[frames.Refusing]:
    return [one for one in bench.server.events if isinstance(one, frames.Refusing)]


def log(bench: Bench, run: int = 1) -> str:
    return "".join(text for _, text in bench.server.lines("a0", run=run))
