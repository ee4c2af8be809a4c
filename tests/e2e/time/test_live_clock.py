"""The clock of a page rewrites what depends on the time, four times a second, and must cost next to nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.support.pages.connected import until_connected

pytestmark = pytest.mark.e2e

TICK_FIVE_SECONDS_LATER = """() => {
  const clock = document.querySelector("live-clock");
  clock.tick();
  const node = document.querySelector("#run-header [data-since]").firstChild;
  const text = node.data;
  clock.offset += 5000;
  clock.tick();
  return { isKept: node.isConnected, isChanged: node.data !== text };
}"""


def test_a_tick_changes_a_text_and_replaces_no_node(page: Page, live_url: str):
    """A node that goes makes the browser ask for every `:has()` above it whether it still holds: most of what a tick cost."""
    page.goto(live_url)
    until_connected(page)

    assert page.evaluate(TICK_FIVE_SECONDS_LATER) == {"isKept": True, "isChanged": True}
