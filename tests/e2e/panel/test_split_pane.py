"""The border between the tree and the panel."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.pages.run_page import open_ended_run
from tests.support.server.commands import make_demo
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    return server.url + make_demo(server, "3x4") + "?action=a0"


def width_of(panel: Locator) -> int:
    box = panel.bounding_box()
    assert box
    return round(box["width"])


def test_the_border_is_dragged_and_the_next_page_remembers(page: Page, url: str):
    open_ended_run(page, url)
    panel, border = page.locator("#panel-pane"), page.get_by_role("separator", name="Width of the panel")
    before = width_of(panel)
    box = border.bounding_box()
    assert box

    page.mouse.move(box["x"] + 4, 500)
    page.mouse.down()
    page.mouse.move(box["x"] - 96, 500, steps=4)
    page.mouse.up()

    assert abs(width_of(panel) - before - 100) <= 1
    chosen = width_of(panel)
    open_ended_run(page, url)
    assert width_of(panel) == chosen
    border.dblclick()
    assert width_of(panel) == before


def test_the_border_moves_with_the_keys_and_says_where_it_is(page: Page, url: str):
    open_ended_run(page, url)
    panel, border = page.locator("#panel-pane"), page.get_by_role("separator", name="Width of the panel")
    before = width_of(panel)
    border.focus()

    page.keyboard.press("ArrowLeft")
    expect(border).to_have_attribute("aria-valuenow", str(before + 24))
    page.keyboard.press("Home")
    expect(border).to_have_attribute("aria-valuenow", "300")
    page.keyboard.press("End")
    expect(border).to_have_attribute("aria-valuenow", str(round(1280 * 0.65)))


def test_on_a_small_screen_the_panel_is_a_sheet_that_can_be_made_high(page: Page, url: str):
    page.set_viewport_size({"width": 390, "height": 800})
    open_ended_run(page, url)

    expect(page.locator(".panes > split-pane")).to_be_hidden()
    page.get_by_role("button", name="As high as the screen").click()

    page.wait_for_function("() => document.getElementById('panel-pane').getBoundingClientRect().height > 740")
    box = page.locator("#panel-pane").bounding_box()
    assert box
    assert box["y"] > 48
    assert box["width"] == 390


def test_the_border_of_the_names_is_dragged_and_the_next_page_remembers(page: Page, url: str):
    open_ended_run(page, url)
    names, border = page.locator("#names"), page.get_by_role("separator", name="Width of the names")
    before = width_of(names)
    box = border.bounding_box()
    assert box
    assert box["width"] >= 24

    page.mouse.move(box["x"] + 20, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 200, steps=4)
    page.mouse.up()

    chosen = width_of(names)
    assert abs(chosen - before - 60) <= 1
    assert width_of(page.locator("#action-a0 > .name")) == chosen
    open_ended_run(page, url)
    assert width_of(names) == chosen
    border.dblclick()
    assert width_of(names) == before
    open_ended_run(page, url)
    assert width_of(names) == before


def test_the_border_of_the_names_moves_with_the_keys_and_says_where_it_is(page: Page, url: str):
    page.set_viewport_size({"width": 1600, "height": 800})
    open_ended_run(page, url.partition("?")[0])
    names, border = page.locator("#names"), page.get_by_role("separator", name="Width of the names")
    before = width_of(names)
    border.focus()

    page.keyboard.press("ArrowRight")
    expect(border).to_have_attribute("aria-valuenow", str(before + 24))
    page.keyboard.press("ArrowLeft")
    expect(border).to_have_attribute("aria-valuenow", str(before))
    page.keyboard.press("Home")
    expect(border).to_have_attribute("aria-valuenow", "160")
    page.keyboard.press("End")
    expect(border).to_have_attribute("aria-valuenow", border.get_attribute("aria-valuemax") or "")
    assert width_of(names) == pytest.approx(1600 * 0.6, abs=10)
    expect(border).to_be_focused()


def test_wide_names_leave_room_in_a_tree_that_becomes_narrow(page: Page, url: str):
    open_ended_run(page, url.partition("?")[0])
    page.get_by_role("separator", name="Width of the names").focus()
    page.keyboard.press("End")

    page.set_viewport_size({"width": 800, "height": 800})
    assert width_of(page.locator("#names")) == pytest.approx(800 * 0.6, abs=10)
    page.set_viewport_size({"width": 500, "height": 800})
    expect(page.get_by_role("separator", name="Width of the names")).to_be_hidden()
    expect(page.locator("#action-a0 > .took")).to_be_in_viewport(ratio=0.9)
