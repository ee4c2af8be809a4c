"""From run to run, and along a link to a row that is not loaded, without a full load of the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.server import Server
from tests.e2e.states import CONNECTED, make_demo

pytestmark = pytest.mark.e2e

SECONDS = 15_000


def test_brackets_go_to_the_older_and_the_newer_run(page: Page, server: Server):
    make_demo(server, "2x2")
    here = server.url + make_demo(server, "2x3")
    page.goto(here)
    # Demonstrations began in the past, so which one is beside this one is the page's to say.
    side, back = ("prev", "]") if page.locator(".neighbours [rel=prev]").count() else ("next", "[")
    beside = page.locator(f".neighbours [rel={side}]").get_attribute("href")
    assert beside

    page.keyboard.press("[" if side == "prev" else "]")
    expect(page).to_have_url(server.url + beside, timeout=SECONDS)
    page.keyboard.press(back)
    expect(page).to_have_url(here, timeout=SECONDS)


def test_the_link_to_the_cause_goes_to_a_row_that_is_not_loaded(page: Page, server: Server):
    page.goto(server.url + make_demo(server, "12x20"))
    expect(page.locator("connection-status")).to_have_attribute("data-state", CONNECTED, timeout=SECONDS)
    link = page.locator("#run-header .cause a")
    name = link.get_attribute("data-select")
    row = page.locator(f"#rows .row[id='action-{name}']")
    page.keyboard.press("2")
    expect(row).to_have_count(0, timeout=SECONDS)
    page.evaluate("window.sameDocument = true")

    link.click()

    expect(row).to_be_focused(timeout=SECONDS)
    expect(page.locator(f"#panel[data-name='{name}']")).to_be_visible(timeout=SECONDS)
    assert page.evaluate("window.sameDocument")
