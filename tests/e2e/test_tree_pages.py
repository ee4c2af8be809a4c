"""The run page's filter, levels and keys, on a finished run of 253 actions."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, WebSocketRoute, expect

from tests.e2e.server import ROOT, RUN_URL, Server

pytestmark = pytest.mark.e2e

SECONDS = 15_000
TOTAL = 1 + 12 + 12 * 20


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    """The page of a run with 12 branches of 20 leaves."""
    command = [sys.executable, "manage.py", "demo", "--shape", "12x20", "--seed", "3"]
    done = subprocess.run(
        command, cwd=ROOT, env=server.env, check=True, timeout=60, capture_output=True, text=True
    )
    found = RUN_URL.search(done.stdout)
    assert found, done.stdout
    return server.url + found.group(0).removeprefix(found.group(1))


def open_page(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator("connection-status")).to_have_attribute("data-state", "ended", timeout=SECONDS)
    expect(page.locator("#run-matches")).to_have_count(1)


def count(page: Page, number: int) -> None:
    expect(page.locator(".tree")).to_have_attribute("aria-rowcount", str(number), timeout=SECONDS)


def chip(page: Page, look: str) -> Locator:
    return page.locator(f"button.look[value='{look}']")


def number_of(page: Page, look: str) -> int:
    return int(chip(page, look).locator("b").inner_text())


def test_text_filters_and_the_address_remembers(page: Page, url: str):
    open_page(page, f"{url}?action=a0")

    page.locator("#action-a0").focus()
    page.keyboard.press("/")
    field = page.get_by_role("searchbox", name="Filter actions")
    expect(field).to_be_focused()
    page.keyboard.type("nothing like it")

    expect(page.locator("#no-match")).to_contain_text("No action matches “nothing like it”.")
    expect(page.locator("#rows .row")).to_have_count(0)
    expect(field).to_have_value("nothing like it")
    assert "action=a0" in page.url
    assert "q=nothing+like+it" in page.url
    count(page, 0)

    page.keyboard.press("Escape")
    expect(page.locator("#no-match")).to_be_hidden()
    count(page, TOTAL)
    assert page.url == f"{url}?action=a0"


def test_chips_filter_together_and_what_leads_there_is_dimmed(page: Page, url: str):
    open_page(page, url)
    failed, aborted = number_of(page, "failed"), number_of(page, "aborted")

    chip(page, "failed").click()
    expect(chip(page, "failed")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#run-matches")).to_contain_text(f"{failed} of {TOTAL} match")
    chip(page, "aborted").click()
    expect(page.locator("#run-matches")).to_contain_text(f"{failed + aborted} of {TOTAL} match")

    rows = page.locator("#rows .row")
    context = page.locator("#rows .row[data-context]").count()
    assert rows.count() == failed + aborted + context
    assert page.url.endswith("?look=failed&look=aborted")
    looks = {row.get_attribute("data-phase") for row in page.locator("#rows .row:not([data-context])").all()}
    assert looks == {"failed", "aborted"}

    page.reload()
    expect(chip(page, "aborted")).to_have_attribute("aria-pressed", "true")
    expect(rows).to_have_count(failed + aborted + context)

    chip(page, "aborted").click()
    expect(page.locator("#run-matches")).to_contain_text(f"{failed} of {TOTAL} match")
    page.get_by_role("link", name="Clear", exact=True).click()
    count(page, TOTAL)
    expect(chip(page, "failed")).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_a_filter_outlives_a_cut_connection(page: Page, url: str):
    sockets: list[WebSocketRoute] = []
    said: list[dict[str, Any]] = []

    def listen(socket: WebSocketRoute) -> None:
        """A proxy that can cut, and hears what the page says."""
        sockets.append(socket)
        to_server = socket.connect_to_server()

        def forward(message: str | bytes) -> None:
            said.append(json.loads(message))
            to_server.send(message)

        socket.on_message(forward)

    page.route_web_socket(re.compile("/ws/run/"), listen)
    open_page(page, url)

    sockets[0].close(code=1012)
    page.evaluate("document.querySelector('button.look[value=failed]').click()")

    expect(page.locator("#run-matches")).to_contain_text(f"of {TOTAL} match", timeout=SECONDS)
    expect(chip(page, "failed")).to_have_attribute("aria-pressed", "true")
    assert len(sockets) == 2
    assert [message["looks"] for message in said if message["kind"] == "hello"] == [[], ["failed"]]


def test_the_filter_works_without_scripts(browser: Browser, url: str):
    context = browser.new_context(java_script_enabled=False)
    shown = context.new_page()
    shown.goto(f"{url}?action=a0")

    shown.get_by_role("searchbox").fill("a0")
    shown.keyboard.press("Enter")
    expect(shown.get_by_role("searchbox")).to_have_value("a0")
    chip(shown, "failed").click()
    expect(chip(shown, "failed")).to_have_attribute("aria-pressed", "true")
    chip(shown, "aborted").click()

    expect(chip(shown, "aborted")).to_have_attribute("aria-pressed", "true")
    for part in ("action=a0", "q=a0", "look=failed", "look=aborted"):
        assert part in shown.url
    context.close()
