"""Siblings in another order, chosen beside the filter: by an input, by duration; the address keeps it, and it works without scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.server.server import Server

pytestmark = pytest.mark.e2e

TRIALS = """() => [...document.querySelectorAll("#rows > .row")].filter((row) => row.querySelector(".label").textContent === "trial")
  .map((row) => row.querySelector(".inputs").textContent).join(" ")"""
UP, DOWN = "number=0 number=1 number=2", "number=2 number=1 number=0"


def test_the_trials_of_a_search_are_sorted_by_an_input_live_and_without_scripts(
    page: Page, browser: Browser, server: Server, live_url: str
):
    server.wait_running(live_url.rpartition("/")[2], "trial", 3)
    page.goto(live_url)
    order = page.get_by_role("combobox", name="Sort")
    page.wait_for_function(f"() => ({TRIALS})() === '{UP}'")
    expect(order.locator("option", has_text="number, descending")).to_have_count(1)

    order.focus()
    order.select_option(label="number, descending")

    page.wait_for_function(f"() => ({TRIALS})() === '{DOWN}'")
    assert page.url.endswith("?sort=-input%3Anumber")
    expect(page.get_by_role("status").filter(has_text="Sorted: number, descending")).to_have_count(1)
    expect(order).to_be_focused()

    page.get_by_role("searchbox").fill("number>0")
    page.wait_for_function(f"() => ({TRIALS})() === 'number=2 number=1'")
    page.get_by_role("link", name="Clear").first.click()
    page.wait_for_function(f"() => ({TRIALS})() === '{DOWN}'")
    expect(order).to_have_value("-input:number")

    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto(page.url)
    assert plain.locator("#rows .inputs", has_text="number=").all_text_contents() == DOWN.split()
    plain.get_by_role("combobox", name="Sort").select_option(label="number, ascending")
    plain.get_by_role("button", name="Sort").click()
    assert plain.locator("#rows .inputs", has_text="number=").all_text_contents() == UP.split()
    plain.context.close()
