"""The clock of a page rewrites what depends on the time, four times a second, or once, and must cost next to nothing."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Page

from tests.support.pages.connected import until_connected
from tests.support.pages.states import Places

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

COUNT_TICKS = """() => {
  window.ticks = 0;
  document.addEventListener("tick", () => window.ticks++);
}"""


@pytest.mark.parametrize(("motion", "ticks"), [("no-preference", 16), ("reduce", 4)])
def test_it_ticks_once_a_second_for_who_asks_for_less_motion(
    page: Page, places: Places, motion: Literal["no-preference", "reduce"], ticks: int
):
    """Of a run that has ended: no frame lets it tick."""
    page.emulate_media(reduced_motion=motion)
    page.clock.install()
    page.goto(places.servers["busy"].url + places.paths["ended"])
    until_connected(page)
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 1)  # else it goes on between these lines, too
    page.evaluate(COUNT_TICKS)

    page.clock.run_for(4000)

    assert page.evaluate("window.ticks") == ticks


def test_a_tick_changes_a_text_and_replaces_no_node(page: Page, live_url: str):
    """A node that goes makes the browser ask for every `:has()` above it whether it still holds: most of what a tick cost."""
    page.goto(live_url)
    until_connected(page)

    assert page.evaluate(TICK_FIVE_SECONDS_LATER) == {"isKept": True, "isChanged": True}
