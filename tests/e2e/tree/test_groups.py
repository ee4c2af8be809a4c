"""Groups as rows: opened and closed, walked through with the keyboard, filtered to, and asked about before an abort."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.pages.states import Places, State

pytestmark = pytest.mark.e2e


def test_a_group_is_opened_closed_and_asked_about_with_the_keyboard(page: Page, places: Places):
    places.show(page, State("run", "{scene}"))
    group = page.locator("#rows > .group")
    first = page.locator("#action-a0-trial0")
    expect(group).to_contain_text("trials")
    expect(group).to_have_attribute("aria-level", "2")
    expect(first).to_have_attribute("aria-level", "3")

    group.focus()
    page.keyboard.press("ArrowLeft")
    expect(group).to_have_attribute("aria-expanded", "false")
    expect(first).to_have_count(0)
    expect(group).to_be_focused()
    page.keyboard.press("Enter")
    expect(first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(first).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(group).to_be_focused()

    page.keyboard.press("c")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("Abort the group trials under a0?")
    expect(dialog).to_contain_text("3 running: cancelled")
    page.keyboard.press("Escape")
    group.locator(".label").click()
    expect(group).to_have_attribute("aria-expanded", "false")
    expect(page.locator("#panel-pane")).to_be_hidden()

    page.goto(page.url.partition("?")[0] + "?action=a0-trial0")
    page.locator("#panel .chip", has_text="trials").click()
    expect(page.get_by_role("searchbox")).to_have_value("group=trials")
    expect(page.locator("#rows > .row")).to_have_count(7)
