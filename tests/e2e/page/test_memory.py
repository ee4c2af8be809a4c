"""A page that is open for long, on a run that changes ten times a second, does not grow; nor does its server.

FLYTEUI_TEST_MEMORY_UPDATES says for how many updates; without it, for 120, and 6,000 in the long form. They are counted: a slow
machine takes longer for them. How much of the run the page shows differs, so what it holds is divided by the nodes that it shows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support.long import long_or_short
from tests.support.pages.connected import until_connected
from tests.support.server.growing_run import GrowingRun, growing_run
from tests.support.server.parts import find
from tests.support.server.server import Server

UPDATES = int(os.environ.get("FLYTEUI_TEST_MEMORY_UPDATES", long_or_short(6_000, 120)))
# Until the window is full of live rows and, in the long form, the server's caches of rendered rows are.
WARM_UPDATES = long_or_short(2_000, 60)
UNTIL_SECONDS = 600
SAMPLES = long_or_short(40, 10)
ACTIONS = 600  # more than are in the page at a time
# A node that has left the page, and that a script still holds, is one of the renderer's nodes and none of these.
SHOWN_NODES = """() => {
  const walker = document.createTreeWalker(document);
  let count = 1;
  while (walker.nextNode()) count++;
  return count;
}"""
# From the second fifth of the samples to the last: while the first lasts, caches fill (runs/tree/render.py). In the short form, a page
# that keeps each node that leaves it has 1.13 times the nodes at the end.
MOST_GROWTH = {
    "JSHeapUsedSize": long_or_short(1.05, 1.15),
    "Nodes": long_or_short(1.02, 1.06),
    "JSEventListeners": long_or_short(1.02, 1.10),
    "server kB": long_or_short(1.10, 1.2),
}


@pytest.fixture
def growing(server: Server) -> Iterator[GrowingRun]:
    with growing_run(server, ACTIONS, seconds=120) as run:
        yield run


def sizes(page: Page, session: Any, server: Server) -> dict[str, float]:
    """Of the page, for each node that it shows, after a collection of garbage; and of the web process.

    What waits to be drawn may hold nodes that have left: on a machine that does much else that takes a while, so a frame is drawn first.
    """
    page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    shown = page.evaluate(SHOWN_NODES)
    return {name: metrics[name] / shown for name in MOST_GROWTH if name in metrics} | {
        "server kB": resident_kb(server)
    }


def resident_kb(server: Server) -> int:
    (pid,) = find(server, " flyteui.web ")
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


@pytest.mark.long
@pytest.mark.timeout(UPDATES + 900)
def test_memory_is_flat_while_the_page_follows_a_run_that_changes_ten_times_a_second(
    page: Page, server: Server, growing: GrowingRun, record_property: Any
):
    frames: list[float] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda _: frames.append(time.monotonic())))
    page.goto(growing.url)
    until_connected(page)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    growing.order("updates 10")
    growing.order(f"until {WARM_UPDATES}", UNTIL_SECONDS)

    frames.clear()
    begun, taken = time.monotonic(), []
    for sample in range(SAMPLES):
        growing.order(f"until {WARM_UPDATES + UPDATES * (sample + 1) // SAMPLES}", UNTIL_SECONDS)
        number = page.evaluate("document.querySelector('run-tree').connection.number")
        page.wait_for_function(
            "(number) => document.querySelector('run-tree').connection.number > number", arg=number
        )
        # A sample takes seconds of a processor, and meanwhile the run would change without being counted.
        growing.order("stop")
        taken.append(sizes(page, session, server))
        growing.order("updates 10")
    growing.order("stop")
    seconds = time.monotonic() - begun

    fifth = SAMPLES // 5
    growth = {
        name: least(taken[-fifth:], name) / least(taken[fifth : 2 * fifth], name) for name in MOST_GROWTH
    }
    said = ", ".join(
        f"{name} {least(taken[-fifth:], name):,.3g} (x {grown:.3f})" for name, grown in growth.items()
    )
    record_property("memory", said)
    print(f"\n{UPDATES} updates in {seconds:.0f} s, {len(frames) / seconds:.1f} frames a second: {said}")
    assert {name: grown for name, grown in growth.items() if grown > MOST_GROWTH[name]} == {}


def least(taken: list[dict[str, float]], name: str) -> float:
    """What was held throughout: a collection that is late adds to a sample, and takes nothing away."""
    return min(one[name] for one in taken)
