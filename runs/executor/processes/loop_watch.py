"""Notices that a coroutine which runs alone blocks its event loop, as it would block one that others share."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from runs.executor.attempt.long_steps import COLLECTIONS, LONG_NS
from runs.executor.processes.main_thread import MainThread


def watch_loop(main: MainThread, report: Callable[[int], None]) -> None:
    """Call `report` with the nanoseconds of each step that is longer than all before. Once in a process, on its main thread."""
    COLLECTIONS.watch()
    handles: Any = asyncio.Handle
    run_handle = handles._run
    long, own_thread, clock, ident = (
        main.long_steps,
        threading.get_ident(),
        time.monotonic_ns,
        threading.get_ident,
    )
    longest = 0

    @wraps(run_handle)
    def run_step(handle: Any) -> None:
        nonlocal longest
        if ident() != own_thread:
            run_handle(handle)
            return
        began = clock()
        if began >= long.due_ns:
            long.sample(began)
        try:
            run_handle(handle)
        finally:
            # The SDK's own work before the code does not count.
            if clock() - began >= LONG_NS and main.began_ns:
                took = long.measure(max(began, main.began_ns))
                if took > longest:
                    longest = took
                    report(took)

    handles._run = run_step
