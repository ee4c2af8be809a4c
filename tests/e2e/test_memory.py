"""A page that is open for long, on a run that changes ten times a second, does not grow; nor does its server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.parts import find
from tests.e2e.server import ROOT, RUN_URL, Server

pytestmark = pytest.mark.e2e

SECONDS = float(os.environ.get("FLYTEUI_MEMORY_SECONDS", "600"))
WARM_UP = 0.2  # of it, while caches fill
GROWTH = 1.05  # of the heap, its nodes and its listeners
SERVER_GROWTH = 1.10
FEWEST_FRAMES = 5  # a second, on a machine that does other things too


@pytest.fixture
def steady(server: Server) -> Iterator[str]:
    """The address of the run."""
    env = {**server.env, "DJANGO_SETTINGS_MODULE": "flyteui.settings"}
    command = [sys.executable, "-m", "tests.e2e.steady", str(SECONDS * 1.3 + 30)]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = RUN_URL.search(process.stdout.readline())
            assert found
            yield server.url + found.group(0).removeprefix(found.group(1))
        finally:
            process.kill()


def resident_kb(server: Server) -> int:
    """Of the web process."""
    kb = []
    for pid in find(server, "daphne"):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        kb += [int(line.split()[1]) for line in lines if line.startswith("VmRSS:")]
    return max(kb)


def sizes(page: Page, server: Server) -> dict[str, float]:
    """After a collection of garbage."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    for _ in range(2):
        session.send("HeapProfiler.collectGarbage")
    found: dict[str, Any] = session.send("Performance.getMetrics")
    session.detach()
    metrics = {metric["name"]: metric["value"] for metric in found["metrics"]}
    wanted = ("JSHeapUsedSize", "Nodes", "JSEventListeners")
    return {name: metrics[name] for name in wanted} | {"server kB": resident_kb(server)}


def let_pass(page: Page, seconds: float) -> None:
    """How long it lasts is what the test is about; the page goes on meanwhile, and so do its events."""
    over = "until => performance.now() >= until"
    until = page.evaluate("performance.now()") + seconds * 1000
    page.wait_for_function(over, arg=until, polling=1000, timeout=seconds * 2000)


@pytest.mark.timeout(SECONDS * 1.5 + 120)
def test_memory_is_flat_while_the_page_follows_a_run_that_changes_ten_times_a_second(
    page: Page, server: Server, steady: str, record_property: Any
):
    frames: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda _: frames.append(1)))
    page.goto(steady)
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=30_000)
    page.keyboard.press("l")
    expect(page.locator("[data-follow]")).to_have_attribute("aria-pressed", "true")

    let_pass(page, SECONDS * WARM_UP)
    begun, sent = sizes(page, server), len(frames)
    let_pass(page, SECONDS * (1 - WARM_UP))
    ended, rate = sizes(page, server), (len(frames) - sent) / (SECONDS * (1 - WARM_UP))

    record_property("memory", f"{begun} -> {ended}, {rate:.1f} frames a second")
    print(f"\n{SECONDS:g} s: {begun} -> {ended}, {rate:.1f} frames a second")
    expect(page.locator("[data-follow]")).to_have_attribute("aria-pressed", "true")
    assert rate >= FEWEST_FRAMES
    for name in ("JSHeapUsedSize", "Nodes", "JSEventListeners"):
        assert ended[name] <= begun[name] * GROWTH, f"{name}: {begun[name]:g} -> {ended[name]:g}"
    assert ended["server kB"] <= begun["server kB"] * SERVER_GROWTH
