"""The log as wide as the page, and back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.pages.log_panel import Chat, lines, open_log, until_line

pytestmark = pytest.mark.e2e

WIDTHS = (
    """() => [document.querySelector("log-view .log").clientWidth, document.documentElement.clientWidth]"""
)


@pytest.fixture
def page(page: Page, chat: Chat) -> Page:
    """With a log."""
    chat.say("flood 0 300")
    chat.end()
    open_log(page, chat)
    until_line(page, "the last line")
    return page


def expect_width(page: Page, is_wide: bool) -> None:
    expect(page.locator("[data-wide]")).to_have_attribute("aria-pressed", str(is_wide).lower())
    log, whole = page.evaluate(WIDTHS)
    assert (log > whole - 40) is is_wide
    expect(page.locator(".tree-pane")).to_be_visible(visible=not is_wide)


def test_g_widens_the_log_and_g_or_escape_goes_back(page: Page):
    expect_width(page, is_wide=False)
    row = page.locator("#action-a0")
    row.focus()

    page.keyboard.press("g")
    expect_width(page, is_wide=True)
    expect(page.locator("log-view .log")).to_be_focused()
    expect(lines(page).last).to_be_in_viewport()
    page.keyboard.press("g")
    expect_width(page, is_wide=False)

    page.get_by_role("button", name="Full width").click()
    expect_width(page, is_wide=True)
    page.get_by_role("searchbox", name="Search the log").fill("g")
    page.keyboard.press("Escape")
    expect_width(page, is_wide=True)
    page.keyboard.press("Escape")
    expect_width(page, is_wide=False)
    expect(page.locator("#panel")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#panel-pane")).to_be_hidden()


def test_g_opens_the_log_of_the_selected_action_and_other_parts_stay_narrow(page: Page):
    page.get_by_role("tab", name="Overview").click()
    expect(page.locator("#overview")).to_be_visible()

    page.keyboard.press("g")
    expect(page.locator("log-view")).to_be_visible()
    expect_width(page, is_wide=True)

    page.get_by_role("tab", name="Overview").click()
    expect(page.locator("#overview")).to_be_visible()
    expect(page.locator(".tree-pane")).to_be_visible()


def test_a_panel_that_is_closed_opens_narrow_again(page: Page):
    page.keyboard.press("g")
    expect_width(page, is_wide=True)

    page.get_by_role("button", name="Close the panel").click()
    page.locator("#action-a0").click()
    page.get_by_role("tab", name="Logs").click()

    expect(page.locator("log-view")).to_be_visible()
    expect_width(page, is_wide=False)


def test_the_address_does_not_remember_the_width(page: Page):
    url = page.url
    page.keyboard.press("g")
    expect_width(page, is_wide=True)

    assert page.url == url
    page.reload()
    until_line(page, "the last line")
    expect_width(page, is_wide=False)


def test_on_a_phone_the_panel_has_the_width_of_the_page_anyway(browser: Browser, chat: Chat):
    chat.end()
    context = browser.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    page = context.new_page()
    open_log(page, chat)

    expect(page.locator("[data-wide]")).to_be_hidden()
    log, whole = page.evaluate(WIDTHS)
    context.close()
    assert log == whole
