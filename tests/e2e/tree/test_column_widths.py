"""There is room for the words of the tree at every width, and what is cut says so and can be read."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.pages.states import Places, State
from tests.support.pages.time_axis import box

PHASE = "#action-a0-refusing > .status"
# The words of a cell that are cut though nothing shows it: text beyond a box that ends it without dots.
CUT = """() => {
  const cut = [];
  for (const row of document.querySelectorAll("#rows > .row, .tree-head > .row")) {
    const nodes = document.createTreeWalker(row, NodeFilter.SHOW_TEXT);
    while (nodes.nextNode()) {
      const cell = nodes.currentNode.parentElement.closest(".row > *");
      const range = document.createRange();
      range.selectNodeContents(nodes.currentNode);
      const word = range.getBoundingClientRect();
      if (!word.width || cell.matches(".lane") || nodes.currentNode.parentElement.closest(".hidden")) continue;
      for (let box = nodes.currentNode.parentElement; box !== row; box = box.parentElement) {
        const style = getComputedStyle(box);
        if (style.clipPath !== "none" || (style.overflowX !== "visible" && style.textOverflow === "ellipsis")) break;
        const room = box.getBoundingClientRect();
        const isOut = word.left < room.left - 0.5 || word.right > room.right + 0.5;
        if (style.overflowX !== "visible" && isOut) cut.push(`${row.id} ${cell.className}: ${nodes.currentNode.data}`);
      }
    }
  }
  return cut;
}"""


@pytest.mark.parametrize("width", [1280, 1024, 768, 390, 320])
@pytest.mark.parametrize("query", ["", "?action=a0-refusing"])
def test_no_word_of_a_row_is_cut_without_dots(still_page: Page, places: Places, width: int, query: str):
    still_page.set_viewport_size({"width": width, "height": 900})

    places.show(still_page, State("run", "{scene}" + query))
    still_page.evaluate("document.querySelector('#action-a0 > .took').textContent = '23h 59m'")

    assert still_page.evaluate(CUT) == []


def test_beside_the_panel_the_phase_still_has_room_for_what_happens_next(still_page: Page, places: Places):
    places.show(still_page, State("run", "{scene}?action=a0-refusing"))

    cell = still_page.locator(PHASE).bounding_box()

    assert cell is not None
    assert cell["width"] >= 208


@pytest.mark.parametrize(("width", "least"), [(1280, 380), (768, 110)])
def test_the_strip_and_the_bars_have_the_same_edges_and_wide_ones(
    still_page: Page, places: Places, width: int, least: int
):
    still_page.set_viewport_size({"width": width, "height": 900})
    places.show(still_page, State("run", "{scene}"))

    strip = box(still_page.locator(".minimap-lane"))
    for lane in (still_page.locator("time-axis"), still_page.locator("#action-a0 > .lane")):
        assert (box(lane)["x"], box(lane)["width"]) == pytest.approx((strip["x"], strip["width"]), abs=0.6)
    assert strip["width"] >= least


@pytest.mark.parametrize("width", [768, 390])
def test_on_a_small_screen_the_names_of_run_and_rows_can_be_read(
    still_page: Page, places: Places, width: int
):
    still_page.set_viewport_size({"width": width, "height": 900})
    places.show(still_page, State("run", "{scene}"))

    cut = still_page.evaluate(
        """() => [...document.querySelectorAll("h1 .label, .facts code, .crumbs [aria-current], #rows .name > .label")]
          .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent)"""
    )
    assert cut == []


def test_what_is_cut_is_in_a_title_under_the_pointer_and_what_is_not_has_none(
    still_page: Page, places: Places
):
    still_page.set_viewport_size({"width": 390, "height": 800})
    places.show(still_page, State("run", "{scene}"))
    cut, whole = still_page.locator(PHASE), still_page.locator("#action-a0-reviewed > .status")

    cut.hover()
    whole.hover()

    title = cut.get_attribute("title")
    assert title is not None
    assert title.startswith("Refusing, ")
    expect(whole).not_to_have_attribute("title", "Succeeded")


def test_the_link_of_a_run_has_the_error_that_its_row_cuts(still_page: Page, places: Places):
    still_page.set_viewport_size({"width": 900, "height": 800})
    places.show(still_page, State("runs", "{runs}"))
    status = still_page.locator("#run-scene > .status")
    status.evaluate("(cell) => cell.append(' ValueError: '.padEnd(300, 'x'))")

    still_page.locator("#run-scene a").hover()

    expect(still_page.locator("#run-scene a")).to_have_attribute(
        "title", re.compile("^trials=3.*\nNeeds an answer.*ValueError: x+$")
    )
