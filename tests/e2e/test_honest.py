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
from tests.e2e.test_tree_pages import url

pytestmark = pytest.mark.e2e
__all__ = ["url"]

SECONDS = 15_000
SILENCE = 40_000  # three beats, and then what a loaded machine takes
STATUS = "connection-status"
BANNER = ".connection-banner"


@pytest.fixture
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    parts = Parts(tmp_path_factory.mktemp("honest")).start()
    yield parts
    parts.stop()


def test_a_server_that_stands_still_is_noticed_and_so_is_its_return(page: Page, parts: Parts):
    """Its socket stays open: only the missing beat tells."""
    page.goto(f"{parts.url}/executors")
    expect(page.locator(STATUS)).to_have_attribute("data-state", "live", timeout=SECONDS)
    assert parts.web is not None

    parts.web.send_signal(signal.SIGSTOP)
    try:
        expect(page.locator(BANNER)).to_contain_text(
            re.compile(r"Updates stopped\. Shown as of \d\d:\d\d:\d\d"), timeout=SILENCE
        )
        expect(page.locator(STATUS)).to_have_attribute("data-state", "reconnecting")
        frozen = page.evaluate("document.querySelector('live-clock').time")
        assert page.evaluate("document.querySelector('live-clock').time") == frozen
    finally:
        parts.web.send_signal(signal.SIGCONT)

    expect(page.locator(STATUS)).to_have_attribute("data-state", "live", timeout=SILENCE)
    expect(page.locator(BANNER)).to_have_count(0)
    expect(page.locator("[role=status]", has_text="Up to date")).to_have_count(1)
    page.goto("about:blank")  # the server stops before the browser


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
