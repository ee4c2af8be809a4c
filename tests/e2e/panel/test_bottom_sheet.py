"""On a phone the panel of an action is a sheet: its handle, and the strip of its tabs on narrow panels."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, CDPSession, Locator, Page, expect

from tests.support.pages.run_page import open_ended_run
from tests.support.server.commands import make_demo
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e

SCREEN = 844
BAR = 48 + 4


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    return server.url + make_demo(server, "3x4")


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": 390, "height": SCREEN}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    )
    yield context.new_page()
    context.close()


def handle(page: Page) -> Locator:
    return page.get_by_role("separator", name="Height of the panel")


def place_of(page: Page) -> tuple[float, float]:
    box = handle(page).bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def expect_height(page: Page, hundredths: int) -> None:
    """So many hundredths of the screen; the whole of it is what the bar leaves free."""
    height = min(SCREEN * hundredths / 100, SCREEN - BAR)
    page.wait_for_function(
        "([px]) => Math.abs(document.getElementById('panel-pane').getBoundingClientRect().height - px) < 1",
        arg=[height],
    )
    expect(handle(page)).to_have_attribute("aria-valuenow", str(hundredths))


class Finger:
    """One that touches the screen, as the browser gets it from a phone: slowly, for after a fling the next tap only stops it."""

    def __init__(self, page: Page) -> None:
        self.session: CDPSession = page.context.new_cdp_session(page)
        self.now = time.time()

    def _send(self, kind: str, *points: tuple[float, float]) -> None:
        self.now += 0.1
        places = [{"x": x, "y": y} for x, y in points]
        self.session.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": places, "timestamp": self.now}
        )

    def drag(self, start: tuple[float, float], y: float) -> None:
        self._send("touchStart", start)
        for step in range(1, 6):
            self._send("touchMove", (start[0], start[1] + (y - start[1]) * step / 5))
        self._send("touchMove", (start[0], y))
        self._send("touchEnd")


def test_a_finger_drags_the_sheet_to_the_nearest_height(phone: Page, url: str):
    open_ended_run(phone, f"{url}?action=a0")
    finger = Finger(phone)
    expect_height(phone, 72)

    finger.drag(place_of(phone), 90)
    expect_height(phone, 100)
    expect(phone.get_by_role("button", name="As high as the screen")).to_have_attribute(
        "aria-pressed", "true"
    )
    finger.drag(place_of(phone), SCREEN * 0.5)
    expect_height(phone, 45)
    expect(phone.locator("#panel")).to_be_visible()


def test_a_finger_drags_the_sheet_away_and_the_next_one_is_as_the_first(phone: Page, url: str):
    open_ended_run(phone, f"{url}?action=a0")

    Finger(phone).drag(place_of(phone), SCREEN * 0.9)

    expect(phone.locator("#panel-pane")).to_be_hidden()
    assert "action=" not in phone.url
    phone.locator("#action-a0 .label").tap()
    expect(phone.locator("#panel")).to_be_visible()
    expect_height(phone, 72)


def test_a_tap_on_the_handle_makes_the_sheet_high_and_low_again(phone: Page, url: str):
    open_ended_run(phone, f"{url}?action=a0")

    handle(phone).tap()
    expect_height(phone, 100)
    handle(phone).tap()
    expect_height(phone, 72)
    phone.get_by_role("button", name="As high as the screen").tap()
    expect_height(phone, 100)


def test_keys_move_the_handle_and_close_the_sheet(phone: Page, url: str):
    open_ended_run(phone, f"{url}?action=a0")
    handle(phone).focus()

    for key, hundredths in (
        ("ArrowUp", 100),
        ("ArrowUp", 100),
        ("Home", 45),
        ("ArrowUp", 72),
        ("Enter", 100),
        ("End", 100),
        ("Home", 45),
    ):
        phone.keyboard.press(key)
        expect_height(phone, hundredths)
    phone.keyboard.press("ArrowDown")

    expect(phone.locator("#panel-pane")).to_be_hidden()
    expect(phone.locator("#action-a0")).to_be_focused()


def test_the_sheet_keeps_its_height_while_another_tab_is_shown(phone: Page, url: str):
    open_ended_run(phone, f"{url}?action=a0")
    handle(phone).tap()
    expect_height(phone, 100)

    phone.locator("#tab-inputs").tap()

    expect(phone.locator("#panel")).to_have_attribute("data-tab", "inputs")
    expect_height(phone, 100)


def test_a_finger_on_the_rest_of_the_sheet_scrolls_it(phone: Page, url: str):
    open_ended_run(phone, f"{url}?action=a0")
    handle(phone).focus()
    phone.keyboard.press("Home")

    Finger(phone).drag((195, 780), 500)

    phone.wait_for_function("() => document.getElementById('panel-pane').scrollTop > 100")
    expect_height(phone, 45)
    expect(handle(phone)).to_be_in_viewport(ratio=1)
    expect(phone.locator("#tab-overview")).to_be_in_viewport(ratio=1)


def test_wide_screens_have_no_handle(page: Page, url: str):
    open_ended_run(page, f"{url}?action=a0")

    expect(page.locator("sheet-handle")).to_be_hidden()


@pytest.mark.parametrize("width", [1280, 390, 320])
@pytest.mark.parametrize("tab", ["overview", "attempts", "report"])
def test_the_selected_tab_is_in_view_from_the_start(page: Page, url: str, tab: str, width: int):
    page.set_viewport_size({"width": width, "height": 800})
    open_ended_run(page, f"{url}?action=a0&tab={tab}")

    expect(page.locator(f"#tab-{tab}")).to_have_attribute("aria-selected", "true")
    expect(page.locator(f"#tab-{tab}")).to_be_in_viewport(ratio=1)
    assert page.locator("#panel-pane").evaluate("panel => panel.scrollTop") == 0


def test_an_edge_of_the_strip_says_that_there_are_more_tabs_and_goes_there(page: Page, url: str):
    open_ended_run(page, f"{url}?action=a0")
    strip, last = page.get_by_role("tablist"), page.get_by_role("tab").last
    expect(strip).to_have_attribute("data-ui-more", "after")
    box = strip.bounding_box()
    assert box

    page.mouse.click(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)

    expect(strip).to_have_attribute("data-ui-more", "before")
    expect(last).to_be_in_viewport(ratio=1)
    expect(page.locator("#panel")).to_have_attribute("data-tab", "overview")
    page.mouse.click(box["x"] + 8, box["y"] + box["height"] / 2)
    expect(strip).to_have_attribute("data-ui-more", "after")


def test_a_wider_panel_has_room_for_all_tabs(page: Page, url: str):
    page.set_viewport_size({"width": 1600, "height": 800})
    open_ended_run(page, f"{url}?action=a0&tab=report")
    page.get_by_role("separator", name="Width of the panel").focus()

    page.keyboard.press("End")
    expect(page.get_by_role("tablist")).to_have_attribute("data-ui-more", "")
    page.keyboard.press("Home")
    expect(page.get_by_role("tablist")).to_have_attribute("data-ui-more", "before")
    expect(page.locator("#tab-report")).to_be_in_viewport(ratio=1)
