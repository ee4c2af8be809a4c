"""A coroutine that runs alone: how long its code kept its event loop, and not what its process did before."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import NoReturn

import pytest

from runs.executor.attempt import long_steps
from runs.executor.processes.loop_watch import watch_loop
from runs.executor.processes.main_thread import MainThread


async def ends_nothing() -> bool:
    return True


def leave(code: int) -> NoReturn:
    raise SystemExit(code)


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> Iterator[MainThread]:
    monkeypatch.setattr(asyncio.Handle, "_run", asyncio.Handle._run)  # put back at the end
    callbacks = list(gc.callbacks)
    yield MainThread(lambda: None, leave, ends_nothing, grace_seconds=1)
    gc.callbacks[:] = callbacks


def test_an_entry_point_has_a_loop_as_in_the_main_thread(main: MainThread):
    """Of flyte 2.0: its grpc takes one when it is imported."""

    def entry_point() -> int:
        asyncio.get_event_loop().close()
        return 3

    assert main.serve(entry_point) == 3


def test_what_its_process_waited_for_and_imported_before_it_began_excuses_nothing(
    main: MainThread, monkeypatch: pytest.MonkeyPatch
):
    waited, reported = 0, list[int]()
    monkeypatch.setattr(long_steps, "read_delay_ns", lambda: waited)
    watch_loop(main, reported.append)

    async def blocks() -> None:
        threading.Event().wait(0.6)

    async def load_and_run() -> None:
        nonlocal waited
        waited += 7_000_000_000
        monkeypatch.setitem(sys.modules, "imported_before", ModuleType("imported_before"))
        await main.run_task(blocks)()

    asyncio.run(load_and_run())

    (took,) = reported
    assert 0.5e9 < took < 7e9
