"""What a page says of its connection: when nothing is heard, when a frame is missing, when it slept."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.e2e.connected import until_connected
from tests.e2e.parts import Parts
from tests.e2e.states import RUNS
from tests.e2e.test_tree_pages import url

pytestmark = pytest.mark.e2e
__all__ = ["url"]

SECONDS = 15_000
SILENCE = 40_000  # three beats, and then what a loaded machine takes
STATUS = "connection-status"
BANNER = ".connection-banner"
# Of each page, what may be old.
CONTENTS = {"run": "#rows", "runs": "#runs", "executors": "#fleet"}
COUNTED = """() => ({
  time: document.querySelector("live-clock").time,
  texts: [...document.querySelectorAll("relative-time, [data-since], [data-open]")].map((one) => one.textContent),
})"""
CLOCK_RUNS = """() => {
  const { time } = document.querySelector("live-clock");
  return new Promise((done) => document.addEventListener("tick", (event) => done(event.target.time > time), { once: true }));
}"""


@pytest.fixture
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    parts = Parts(tmp_path_factory.mktemp("honest")).start()
    yield parts
    parts.stop()


def test_a_server_that_stands_still_is_noticed_on_each_page_and_so_is_its_return(page: Page, parts: Parts):
    """Its sockets stay open: only the missing beat tells."""
    run = parts.submit("examples/external_abort.py", "main", "--n", "2", "--sleep_for", "300")
    victim = parts.wait_running(run, "long_sleeper", 2)[0]
    pages = {name: page if name == "run" else page.context.new_page() for name in CONTENTS}
    for name, path in {"run": f"{RUNS}/{run}", "runs": RUNS, "executors": "/executors/"}.items():
        pages[name].goto(parts.url + path)
        expect(pages[name].locator(STATUS)).to_have_attribute("data-state", "live", timeout=SECONDS)
    assert parts.web is not None

    stopped_at = page.evaluate("Date.now()")
    parts.web.send_signal(signal.SIGSTOP)
    try:
        for name, one in pages.items():
            expect_stale(one, CONTENTS[name], stopped_at)
    finally:
        parts.web.send_signal(signal.SIGCONT)

    for one in pages.values():
        expect(one.locator(STATUS)).to_have_attribute("data-state", "live", timeout=SILENCE)
        expect(one.locator(BANNER)).to_have_count(0)
        expect(one.locator("body")).not_to_have_class("stale")
        expect(one.locator("[role=status]", has_text="Up to date")).to_have_count(1)
        one.wait_for_function(CLOCK_RUNS)
    parts.cli("abort", run, victim)
    expect(page.locator(f"#action-{victim}")).to_have_attribute("data-phase", "aborted", timeout=SECONDS)
    parts.cli("abort", "run", run)
    expect(pages["runs"].locator(f"#run-{run}")).to_have_attribute("data-phase", "aborted", timeout=SECONDS)
    expect(pages["executors"].locator(".executor-table .holds").first).to_contain_text(
        "nothing", timeout=SECONDS
    )
    for one in pages.values():
        one.goto("about:blank")  # the server stops before the browser


def expect_stale(page: Page, content: str, stopped_at: float) -> None:
    """It says since when it may be wrong, looks so, and no clock goes on."""
    expect(page.locator(BANNER)).to_be_visible(timeout=SILENCE)
    found = re.fullmatch(
        r"Updates stopped\. Shown as of (\d\d:\d\d:\d\d)", page.locator(f"{BANNER} span").inner_text()
    )
    assert found
    assert found[1] in page.evaluate(
        "(at) => Array.from({ length: 7 }, (_, back) => new Date(at - 1000 * (back - 1)).toLocaleTimeString('en-GB'))",
        stopped_at,
    ), "the server was heard last when it sent its last beat, 5 s before it stopped at most"
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    expect(page.locator(STATUS)).to_have_attribute("data-state", "reconnecting")
    expect(page.locator(content)).to_have_css("opacity", "0.9")
    before = page.evaluate(COUNTED)
    assert before["texts"]
    page.wait_for_function("(at) => Date.now() > at + 1500", arg=page.evaluate("Date.now()"))
    assert page.evaluate(COUNTED) == before


def test_a_lost_frame_is_asked_for_again_whole_and_not_patched(page: Page, url: str):
    said: list[dict[str, Any]] = []
    heard: list[dict[str, Any]] = []

    def lose_one(socket: WebSocketRoute) -> None:
        to_server = socket.connect_to_server()

        def up(message: str | bytes) -> None:
            said.append(json.loads(message))
            to_server.send(message)

        def down(message: str | bytes) -> None:
            heard.append(json.loads(message))
            if len(heard) >= 2:  # as if one before it never came
                message = json.dumps(heard[-1] | {"number": heard[-1]["number"] + 1})
            socket.send(message)

        socket.on_message(up)
        to_server.on_message(down)

    page.route_web_socket(re.compile("/ws/run/"), lose_one)
    page.goto(url)
    until_connected(page)

    page.keyboard.press("2")

    expect(page.locator(".tree")).to_have_attribute("aria-rowcount", "13", timeout=SECONDS)
    hellos = [one for one in said if one["kind"] == "hello"]
    assert [one["since"] for one in hellos][1:] == [-1]
    assert 'id="rows"' in heard[2]["content"]


def test_a_browser_that_slept_an_hour_asks_anew_and_its_clock_is_right(page: Page, url: str):
    page.clock.install()
    page.goto(url)
    until_connected(page)
    sockets: list[object] = []
    page.on(
        "websocket",
        lambda socket: sockets.append(socket),  # noqa: PLW0108
    )

    page.clock.fast_forward(3_600_000)

    expect(page.locator(STATUS)).to_have_attribute("data-state", "ended", timeout=SECONDS)
    page.wait_for_function(
        "() => Math.abs(document.querySelector('live-clock').offset + 3600000) < 60000", timeout=SECONDS
    )
    assert len(sockets) == 1


def test_retry_connects_at_once(page: Page, url: str):
    is_open = [True]
    sockets: list[WebSocketRoute] = []

    def listen(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        if is_open[0]:
            socket.connect_to_server()
        else:
            socket.close(code=1012)

    page.route_web_socket(re.compile("/ws/run/"), listen)
    page.goto(url)
    until_connected(page)
    is_open[0] = False
    sockets[0].close(code=1012)
    expect(page.locator(BANNER)).to_be_visible(timeout=SECONDS)
    is_open[0] = True
    page.locator(BANNER).get_by_role("button", name="Retry").click()
    expect(page.locator(STATUS)).to_have_attribute("data-state", "ended", timeout=4000)
    expect(page.locator(BANNER)).to_have_count(0)
