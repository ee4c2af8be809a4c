"""What a page costs: the processor time of its server, the work of its browser, the bytes of its frames."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from playwright.sync_api import CDPSession, Page

from tests.support import plain_http
from tests.support.long import long_or_short
from tests.support.pages.connected import until_connected
from tests.support.processes import processor_seconds
from tests.support.server.growing_run import GrowingRun
from tests.support.server.parts import Parts, find
from tests.support.server.server import Server, wait_until

FRAME_BYTES = 100_000  # the most of one
ENOUGH_FRAMES = 5  # to say what one costs


def first_byte(server: Server, path: str) -> float:
    """The processor time of the web process until it comes, in seconds, over a connection of its own."""
    (web,) = find(server, " flyteui.web ")
    before = processor_seconds(web)
    with plain_http.stream("GET", server.url + path, timeout=180) as response:
        parts = response.iter_raw()
        page = next(parts)
        spent = processor_seconds(web) - before
        response.raise_for_status()
        page += b"".join(parts)
    assert b'id="action-a0"' in page
    return spent


def copy_database(home: Path, to: Path) -> None:
    """A web process that starts takes the executors of its database for disconnected, so each server has its own."""
    source, target = (sqlite3.connect(folder / "flyteui.sqlite3") for folder in (home, to))
    with closing(source), closing(target):
        source.backup(target)


def first_bytes(big: Server, home: Path, long_path: str, short_path: str) -> tuple[float, float]:
    """The processor time to the first byte of both, the best of three (two in the short form), each from a process that has not seen that run.

    By turns one of them comes first, and pays for what the page of any run loads once in a process.
    """
    found: dict[str, list[float]] = {long_path: [], short_path: []}
    for number in range(long_or_short(3, 2)):
        with cold_server(big, home) as server:
            for path in list(found)[:: -1 if number % 2 else 1]:
                found[path].append(first_byte(server, path))
    long_one, short_one = min(found[long_path]), min(found[short_path])
    print(f"first byte: {long_one * 1e3:.0f} ms, of the short run {short_one * 1e3:.0f} ms")
    return long_one, short_one


@contextmanager
def cold_server(big: Server, home: Path) -> Iterator[Server]:
    """A web process of its own, whose code is loaded and which has not seen a run."""
    parts = Parts(home, FLYTEUI_STORAGE_URL=(big.home / "storage").as_uri())
    parts.start_web()
    try:
        wait_until(lambda: Server.answers(parts.port), "the server answers")
        plain_http.get(f"{parts.url}/v2/domain/development/project/flytesnacks/runs", timeout=180)
        yield parts
    finally:
        parts.stop()


def work_of(session: CDPSession) -> dict[str, float]:
    """How often the page was laid out and its styles were computed since the session began to count."""
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return {name: metrics[name] for name in ("LayoutCount", "RecalcStyleCount")}


def sizes_of_frames(page: Page) -> list[int]:
    """Bytes of the text of each frame."""
    sizes: list[int] = []

    def came(frame: str | bytes) -> None:
        sizes.append(len(frame.encode() if isinstance(frame, str) else frame))

    page.on("websocket", lambda socket: socket.on("framereceived", came))
    return sizes


def spent_on_frames(server: Server) -> tuple[float, float]:
    """The processor time that frames of run pages took so far, and how many they are."""
    text = plain_http.get(f"{server.url}/metrics", timeout=30).text
    found = re.findall(
        r'^flyteui_page_frame_cpu_seconds_(sum|count)\{page="run"\} (\S+)$', text, re.MULTILINE
    )
    numbers = {name: float(number) for name, number in found}
    return numbers.get("sum", 0.0), numbers.get("count", 0.0)


def cost_of_frames(server: Server, sizes: list[int], act: Callable[[], object]) -> float:
    """The processor time for a byte of the frames that come meanwhile, in seconds; none is too long.

    For a byte, because a slow browser passes more rows between two frames, and rows of a run that goes on are longer.
    """
    before, first = spent_on_frames(server), len(sizes)
    number = 0.0
    while number <= ENOUGH_FRAMES:  # on a slow machine, a few come each time
        act()
        spent, number = (now - then for now, then in zip(spent_on_frames(server), before, strict=True))
    sent, longest = sum(sizes[first:]), max(sizes[first:])
    print(
        f"{number:g} frames, {spent / number * 1e3:.1f} ms each, {spent / sent * 1e6:.2f} ms for 1,000 bytes, {longest=:,}"
    )
    assert longest <= FRAME_BYTES
    return spent / sent


# --- what a reader does ---------------------------------------------------------------------------------------------


def open_run(page: Page, run: GrowingRun, query: str = "") -> None:
    page.goto(run.url + query)
    until_connected(page)


def cost_of_changes(page: Page, big: Server, run: GrowingRun, sizes: list[int]) -> float:
    open_run(page, run)
    run.order("updates 10")
    try:
        return cost_of_frames(big, sizes, lambda: take_frames(page, 12))
    finally:
        run.order("stop")


def take_frames(page: Page, number: int) -> None:
    page.wait_for_function(
        "(number) => document.querySelector('run-tree').connection.number > number",
        arg=page.evaluate("document.querySelector('run-tree').connection.number") + number, timeout=300_000,
    )  # fmt: skip
