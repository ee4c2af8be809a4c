"""A page that is open for long, on a run that changes ten times a second, does not grow; nor does its server.

FLYTEUI_TEST_MEMORY_SECONDS says for how long; ten minutes without it.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.e2e.connected import until_connected
from tests.e2e.parts import find, let_pass
from tests.e2e.quiet import MOST_TAKEN, Processors
from tests.e2e.server import Server
from tests.e2e.steady_run import SteadyRun, steady_run

SECONDS = float(os.environ.get("FLYTEUI_TEST_MEMORY_SECONDS", "600"))
WARM_SECONDS = (
    40  # until each updated row shows as many tries as a row may, and the window is full of live ones
)
SAMPLES = 40
ACTIONS = 600  # more than are in the page at a time
FEWEST_FRAMES = 4  # a second, on a machine that does other things too; the page asks for no more than ten
# From the second fifth of the time to the last: while the first lasts, caches fill (runs/rows.py).
MOST_GROWTH = {"JSHeapUsedSize": 1.05, "Nodes": 1.02, "JSEventListeners": 1.02, "server kB": 1.10}


@pytest.fixture
def steady(server: Server) -> Iterator[SteadyRun]:
    with steady_run(server, ACTIONS, seconds=120) as run:
        yield run


def sizes(session: Any, server: Server) -> dict[str, float]:
    """Of the page, after a collection of garbage, and of the web process."""
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return {name: metrics[name] for name in MOST_GROWTH if name in metrics} | {
        "server kB": resident_kb(server)
    }


def resident_kb(server: Server) -> int:
    (pid,) = find(server, "daphne")
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


@pytest.mark.timeout(SECONDS * 1.5 + 300)
def test_memory_is_flat_while_the_page_follows_a_run_that_changes_ten_times_a_second(
    page: Page, server: Server, steady: SteadyRun, record_property: Any
):
    frames: list[float] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda _: frames.append(time.monotonic())))
    page.goto(steady.url)
    until_connected(page)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    steady.order("updates 10")
    let_pass(WARM_SECONDS)

    frames.clear()
    before, begun, taken = Processors.now(), time.monotonic(), []
    for number in range(SAMPLES):
        page.wait_for_function(
            "(number) => document.querySelector('run-tree').connection.number > number", arg=number
        )
        let_pass(max(0.0, begun + (number + 1) * SECONDS / SAMPLES - time.monotonic()))
        taken.append(sizes(session, server))
    rate = len(frames) / (time.monotonic() - begun)
    steady.order("stop")

    fifth = SAMPLES // 5
    growth = {
        name: median(taken[-fifth:], name) / median(taken[fifth : 2 * fifth], name) for name in MOST_GROWTH
    }
    said = ", ".join(
        f"{name} {median(taken[-fifth:], name):,.0f} (x {grown:.3f})" for name, grown in growth.items()
    )
    record_property("memory", said)
    print(f"\n{SECONDS:g} s, {rate:.1f} frames a second: {said}")
    assert {name: grown for name, grown in growth.items() if grown > MOST_GROWTH[name]} == {}
    others = Processors.now().taken_since(before)
    if rate < FEWEST_FRAMES and others > MOST_TAKEN:
        pytest.xfail(f"{rate:.1f} frames a second: others took {others:.0%} of the processors; {said}")
    assert rate >= FEWEST_FRAMES


def median(taken: list[dict[str, float]], name: str) -> float:
    return statistics.median(one[name] for one in taken)
