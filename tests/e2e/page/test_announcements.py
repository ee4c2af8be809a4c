"""What screen readers are told beside the content of a page."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.support.server.server import Server

# Counts are due right after another announcement; returns how long they then wait.
COUNTS_ARE_DUE = """async () => {
  const { announce, announceCounts } = await import("/static/js/page/announcer.js");
  const setTimeout = window.setTimeout, waits = [], due = [];
  window.setTimeout = (work, ms) => due.push(work) && waits.push(ms);
  announceCounts();
  announce("Copied");
  due[0]();
  window.setTimeout = setTimeout;
  return waits;
}"""


def test_counts_do_not_replace_what_was_just_announced(page: Page, server: Server):
    page.goto(f"{server.url}/executors/")
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")

    first, *again = page.evaluate(COUNTS_ARE_DUE)

    assert [0 < wait <= first for wait in again] == [True]
