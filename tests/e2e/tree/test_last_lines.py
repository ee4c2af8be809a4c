"""What runs says behind its status what it printed last; a key hides it, and this browser remembers that."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.e2e


def test_a_row_shows_the_last_line_of_its_log_until_a_key_hides_it(page: Page, live_url: str):
    page.goto(live_url)
    row = page.locator("#rows > .row", has=page.locator(".inputs", has_text="epoch=1"))
    line = row.locator(".status > samp")
    expect(line).to_contain_text("epoch 1 step")
    first = line.text_content()
    expect(line).not_to_have_text(str(first))

    page.locator("body").press("o")
    shown = page.get_by_role("button", name="Last log lines of what runs")
    expect(shown).to_have_attribute("aria-pressed", "false")
    expect(line).to_be_empty()
    page.reload()
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")
    expect(shown).to_have_attribute("aria-pressed", "false")

    shown.click()
    trial = page.locator("#rows > .row", has=page.locator(".inputs", has_text="number=1"))
    expect(trial.locator(".status > samp")).to_have_text("Trial 1 runs for 7200 s. Abort me!")
