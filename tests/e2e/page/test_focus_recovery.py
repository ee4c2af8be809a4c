"""What had the focus and cannot have it any more hands it on (static/js/page/focus-recovery.js)."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.pages.states import RUNS, Places, show_toasts

pytestmark = pytest.mark.e2e

# Disabled long enough for the browser to take the focus away, as by one frame, and enabled again by the next.
FLICKER = """(button) => {
  button.addEventListener("focusout", () => (button.disabled = false), { once: true });
  button.disabled = true;
}"""
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture
def focused(page: Page, places: Places) -> Page:
    """A page whose button Keys has the focus."""
    page.goto(places.servers["busy"].url + RUNS)
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")
    page.get_by_role("button", name="Keys").focus()
    return page


def test_a_button_that_is_enabled_again_gets_it_back(focused: Page):
    focused.get_by_role("button", name="Keys").evaluate(FLICKER)

    expect(focused.get_by_role("button", name="Keys")).to_be_focused()


def test_what_is_beside_a_button_that_stays_disabled_gets_it(focused: Page):
    focused.get_by_role("button", name="Keys").evaluate("(button) => { button.disabled = true }")

    expect(focused.locator(".bar :focus")).to_have_count(1)


def test_a_click_beside_everything_takes_it_away(focused: Page):
    focused.locator(".bar").click(position={"x": 500, "y": 3})

    focused.evaluate(TWO_FRAMES)
    expect(focused.locator("body")).to_be_focused()


def test_tab_from_the_last_control_leaves_the_page_also_from_what_lies_over_it(focused: Page):
    show_toasts(focused)
    last = focused.get_by_role("button", name="Close the message")
    last.focus()

    focused.keyboard.press("Tab")

    focused.evaluate(TWO_FRAMES)
    expect(last).not_to_be_focused()
    expect(focused.locator("#main :focus, .bar :focus")).to_have_count(0)
