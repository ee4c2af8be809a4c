"""From run to run, and along a link to a row that is not loaded, without a full load of the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.pages.connected import until_connected
from tests.support.pages.states import CONNECTED
from tests.support.server.commands import make_demo
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e


def test_brackets_go_to_the_older_and_the_newer_run(page: Page, server: Server):
    make_demo(server, "2x2")
    here = server.url + make_demo(server, "2x3")
    page.goto(here)
    until_connected(page)  # before that, there may be nobody who hears a key
    # Demonstrations began in the past, so which one is beside this one is the page's to say.
    side, back = ("prev", "]") if page.locator(".neighbours [rel=prev]").count() else ("next", "[")
    beside = page.locator(f".neighbours [rel={side}]").get_attribute("href")
    assert beside

    page.keyboard.press("[" if side == "prev" else "]")
    expect(page).to_have_url(server.url + beside)
    until_connected(page)
    page.keyboard.press(back)
    expect(page).to_have_url(here)


def test_the_link_to_the_cause_goes_to_a_row_that_is_not_loaded(page: Page, server: Server):
    page.goto(server.url + make_demo(server, "12x20"))
    expect(page.locator("connection-status")).to_have_attribute("data-state", CONNECTED)
    link = page.locator("#run-header .cause a")
    name = link.get_attribute("data-select")
    row = page.locator(f"#rows .row[id='action-{name}']")
    page.keyboard.press("2")
    expect(row).to_have_count(0)
    page.evaluate("window.sameDocument = true")

    link.click()

    expect(row).to_be_focused()
    expect(page.locator(f"#panel[data-name='{name}']")).to_be_visible()
    assert page.evaluate("window.sameDocument")
