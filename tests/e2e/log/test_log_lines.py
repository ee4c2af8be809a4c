"""Lines of a log: each has the height of what it says."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.pages.log_panel import Chat, lines, open_log, until_line

pytestmark = pytest.mark.e2e

# Of every line: its height in heights of one line of text, and what it says.
HEIGHTS = """() => [...document.querySelectorAll("log-view .line")].map((line) => {
  const one = Number.parseFloat(getComputedStyle(line).lineHeight);
  return [Math.round((line.getBoundingClientRect().height / one) * 10) / 10, line.lastChild.textContent];
})"""


def heights(page: Page) -> dict[str, float]:
    return {text: height for height, text in page.evaluate(HEIGHTS)}


def test_every_line_has_the_height_of_what_it_says(page: Page, chat: Chat):
    long = "word " * 60
    levels = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    chat.say("out plain", "err an error", *(f"log {level} of a logger" for level in levels), f"out {long}")
    chat.print("", "padded" + " " * 300, "\ttabs\tand\tmore")
    open_log(page, chat)
    until_line(page, "\ttabs\tand\tmore")

    wrapped = heights(page)
    page.get_by_role("button", name="Wrap").click()
    unwrapped = heights(page)
    chat.end()

    logged = [text for text in wrapped if text.endswith("of a logger")]
    assert len(logged) == len(levels) - 1, "DEBUG is below the level of the logger"
    assert wrapped.pop(long.rstrip()) > 3
    assert {wrapped.pop(text) for text in logged} == {2}, (
        "with the names of run and action they are a bit wider than the panel"
    )
    assert set(wrapped.values()) == {1}
    assert set(unwrapped.values()) == {1}


def test_on_a_phone_a_line_that_was_padded_to_a_width_takes_no_blank_room(browser: Browser, chat: Chat):
    chat.print("padded" + " " * 200, "left" + " " * 120 + "right")
    chat.end()
    context = browser.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce")
    page = context.new_page()

    open_log(page, chat)
    expect(lines(page)).to_have_count(3)
    found = heights(page)
    context.close()

    assert found["padded"] == 1
    assert found["left" + " " * 120 + "right"] == 2
