"""What a page says of its connection: when nothing is heard, when a frame is missing, when it slept."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.pages.connected import until_connected
from tests.support.pages.socket import Message, Wire
from tests.support.pages.states import RUNS
from tests.support.server.commands import make_demo
from tests.support.server.parts import Parts
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e

SILENCE = 40_000  # three beats, and then what a loaded machine takes
STATUS = "connection-status"
BANNER = ".connection-banner"
# Of each page, what may be old.
CONTENTS = {"run": "#rows", "runs": "#runs", "executors": "#executors"}
COUNTED = """() => ({
  time: document.querySelector("live-clock").time,
  texts: [...document.querySelectorAll("relative-time, [data-since], [data-open]")].map((one) => one.textContent),
})"""
CLOCK_RUNS = """() => {
  const { time } = document.querySelector("live-clock");
  return new Promise((done) => document.addEventListener("tick", (event) => done(event.target.time > time), { once: true }));
}"""


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    """The page of a run with 12 branches of 20 leaves."""
    return server.url + make_demo(server, "12x20")


@pytest.fixture
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    parts = Parts(tmp_path_factory.mktemp("honest")).start()
    yield parts
    parts.stop()


def test_a_server_that_stands_still_is_noticed_on_each_page_and_so_is_its_return(page: Page, parts: Parts):
    """Its sockets stay open: only the missing heartbeat tells."""
    run = parts.submit("examples/external_abort.py", "main", "--n", "2", "--sleep_for", "3600")
    victim = parts.wait_running(run, "long_sleeper", 2)[0]
    pages = {name: page if name == "run" else page.context.new_page() for name in CONTENTS}
    for name, path in {"run": f"{RUNS}/{run}", "runs": RUNS, "executors": "/executors/"}.items():
        pages[name].goto(parts.url + path)
        expect(pages[name].locator(STATUS)).to_have_attribute("data-state", "live")
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
    parts.abort(run, victim)
    expect(page.locator(f"#action-{victim}")).to_have_attribute("data-phase", "aborted")
    parts.abort(run)
    expect(pages["runs"].locator(f"#run-{run}")).to_have_attribute("data-phase", "aborted")
    # Its executor leaves with it.
    expect(pages["executors"].locator(".executor-table .holds")).to_have_count(0)
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
    ), "the server was heard last when it sent its last heartbeat, 5 s before it stopped at most"
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    expect(page.locator(STATUS)).to_have_attribute("data-state", "reconnecting")
    expect(page.locator(content)).to_have_css("opacity", "0.95")
    before = page.evaluate(COUNTED)
    assert before["texts"]
    page.wait_for_function("(at) => Date.now() > at + 1500", arg=page.evaluate("Date.now()"))
    assert page.evaluate(COUNTED) == before


def test_a_lost_frame_is_asked_for_again_whole_and_not_patched(page: Page, url: str):
    def lose_one(frame: Message) -> Message:
        """As if one before the second never came."""
        return frame if len(wire.heard) == 1 else frame | {"number": frame["number"] + 1}

    wire = Wire(page, lose_one)
    page.goto(url)
    until_connected(page)

    page.keyboard.press("2")

    expect(page.locator(".tree")).to_have_attribute("aria-rowcount", "13")
    assert [hello["since"] for hello in wire.hellos][1:] == [-1]
    assert 'id="rows"' in wire.heard[2]["content"]


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

    expect(page.locator(STATUS)).to_have_attribute("data-state", "ended")
    page.wait_for_function("() => Math.abs(document.querySelector('live-clock').offset + 3600000) < 60000")
    assert len(sockets) == 1


def test_retry_connects_at_once(page: Page, url: str):
    """While the page's clock stands still, so that its own next attempt never comes."""
    page.clock.install()
    wire = Wire(page)
    page.goto(url)
    until_connected(page)
    wire.is_open = False
    wire.cut()
    expect(page.locator(BANNER)).to_be_visible()
    page.clock.pause_at(page.evaluate("Date.now()") + 1000)
    wire.is_open = True
    page.locator(BANNER).get_by_role("button", name="Retry").click()
    expect(page.locator(STATUS)).to_have_attribute("data-state", "ended")
    expect(page.locator(BANNER)).to_have_count(0)
