"""Lines of a log: each has the height of what it says, and the colours that it was given."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.pages.axe import OF_COLOURS, SCHEMES, violations
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


ESC = "\x1b"
# Every colour of the 16 on none, and on each background; a few of the others, with the lightest and the darkest.
COLOURS = [
    *(f"{ESC}[{code}mcolour {code}{ESC}[0m" for code in (*range(30, 38), *range(90, 98))),
    *(f"{ESC}[3{fg};4{bg}mcolour {fg} on {bg}{ESC}[0m" for fg in range(8) for bg in range(8)),
    *(f"{ESC}[38;5;{number}mcolour number {number}{ESC}[0m" for number in range(16, 256, 12)),
    *(f"{ESC}[38;2;{rgb}mcolour of {rgb}{ESC}[0m" for rgb in ("255;255;0", "0;0;0", "255;255;255", "0;0;255", "0;255;0")),
    *(f"{ESC}[48;2;{rgb}mon {rgb}{ESC}[0m" for rgb in ("255;255;0", "0;0;0", "255;255;255", "0;0;255")),
    *(f"{ESC}[{look}mlook {look}{ESC}[0m" for look in (1, 2, 3, 4, 7, 9)),
]  # fmt: skip
PICK = """(text) => {
  const part = [...document.querySelectorAll("log-view .line b")].find((part) => part.textContent === text);
  const style = getComputedStyle(part);
  return [style.color, style.backgroundColor, style.fontWeight, style.textDecorationLine, style.fontStyle].join(" | ");
}"""
COPIED = """() => {
  getSelection().selectAllChildren(document.querySelector("log-view .log"));
  return getSelection().toString();
}"""


def test_colours_are_drawn_and_every_one_can_be_read_in_both_themes(still_page: Page, chat: Chat):
    page = still_page
    chat.print(*COLOURS)
    chat.say(
        *(f"log {level} of a logger" for level in ("INFO", "WARNING", "ERROR", "CRITICAL")), "err of stderr"
    )
    chat.end()
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        open_log(page, chat)
        until_line(page, "the last line")

        looks = {
            text: page.evaluate(PICK, text)
            for text in ("colour 31", "colour 32", "colour of 0;255;0", "look 1", "look 4")
        }
        assert len(set(looks.values())) == len(looks)
        assert violations(page, OF_COLOURS, "log-view") == []


def test_lines_that_come_live_are_coloured_as_those_of_a_fresh_page(page: Page, chat: Chat):
    open_log(page, chat)
    chat.print(*COLOURS)
    until_line(page, "look 9")
    live = page.locator("log-view .log").inner_html()
    page.reload()
    until_line(page, "look 9")

    assert page.locator("log-view .log").inner_html() == live
    assert 'style="--fg: #ffff00;"' in live


def test_what_is_searched_for_and_copied_has_no_escape_sequences(page: Page, chat: Chat):
    chat.print(
        f"one {ESC}[31mne{ESC}[32med{ESC}[0mle here",
        "\r 10% nothing\r100% done   ",
        f"{ESC}]8;;https://example.org{ESC}\\needle{ESC}]8;;{ESC}\\",
    )
    chat.end()
    open_log(page, chat)

    assert page.evaluate(COPIED).split("\n")[-4:] == [
        "one needle here",
        "100% done",
        "needle",
        "the last line",
    ]
    page.get_by_role("searchbox", name="Search the log").fill("needle")
    expect(page.locator(".log-count")).to_have_text("1 of 2")
    assert page.evaluate("() => [...CSS.highlights.get('log-match')].map(String)") == ["needle", "needle"]
