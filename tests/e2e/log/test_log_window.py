"""A long log: its earlier lines load on the way up, a link leads to any of its lines, and nothing is lost or doubled."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.long import long_or_short
from tests.support.pages.connected import until_connected
from tests.support.pages.log_panel import Chat, lines, open_log, spans, until_line

pytestmark = pytest.mark.e2e

COUNT = long_or_short(25_000, 12_000)
MOST = 10_000 + 400  # lines of the page: those that it keeps, and a part that has just come
FIRST_IS = "(text) => document.querySelector('log-view .line').lastChild.textContent === text"
LAST_IS = "(text) => [...document.querySelectorAll('log-view .log:not(.log-found) > .line')].at(-1)?.lastChild.textContent === text"
# Until the page holds the first line or the last one, it goes there again and again.
WALK = """async (isUp) => {
  const view = document.querySelector("log-view");
  let most = 0;
  for (let steps = 0; steps < 500 && (isUp ? "cut" in view.dataset : "more" in view.dataset); steps++) {
    await new Promise((done) => {
      const seen = new MutationObserver(() => (seen.disconnect(), done()));
      seen.observe(view.box, { childList: true });
      view.box.scrollTop = isUp ? 0 : view.box.scrollHeight;
      view.scrolled();
    });
    while (view.window.isLoading) await new Promise(requestAnimationFrame);
    most = Math.max(most, view.all.length);
  }
  return most;
}"""


def flood(first: int, count: int) -> list[str]:
    return [f"flood line {number}" for number in range(first, first + count)]


def line_of(page: Page, text: str) -> Locator:
    return lines(page).filter(has_text=re.compile(f"{text}$"))


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_reader_gets_to_the_first_line_and_back_to_the_end_and_the_page_stays_small(page: Page, chat: Chat):
    chat.say(f"flood 0 {COUNT}")
    open_log(page, chat)
    page.wait_for_function(LAST_IS, arg=f"flood line {COUNT - 1}", timeout=300_000)

    assert page.evaluate(WALK, True) <= MOST
    held = spans(page)
    assert held == flood(0, len(held))
    expect(page.locator(".log-cut")).to_be_hidden()
    expect(page.locator(".log-jump")).to_be_visible()
    chat.say("out printed meanwhile")

    assert page.evaluate(WALK, False) <= MOST
    page.wait_for_function(LAST_IS, arg="printed meanwhile")
    held = spans(page)
    assert held == [*flood(COUNT - len(held) + 1, len(held) - 1), "printed meanwhile"]
    chat.say("out and live again")
    page.wait_for_function(LAST_IS, arg="and live again")
    chat.end()


def test_what_is_read_stays_in_its_place_when_earlier_lines_come(page: Page, chat: Chat):
    chat.say("flood 0 3000")
    chat.end()
    open_log(page, chat)
    until_line(page, "the last line")
    expect(lines(page)).to_have_count(1000)
    box = page.locator("log-view .log")

    box.focus()
    page.keyboard.press("Home")
    expect(lines(page)).to_have_count(1400)

    top = box.bounding_box()
    place = line_of(page, "flood line 2001").bounding_box()
    assert top
    assert place
    assert 0 <= place["y"] - top["y"] < 40, "the line that was the first is still at the top"
    expect(page.locator(".log-jump")).to_be_visible()


@pytest.mark.parametrize("how", ["button", "key"])
def test_the_jump_to_the_end_needs_no_way_back(page: Page, chat: Chat, how: str):
    chat.say("flood 0 3000")
    open_log(page, chat)
    until_line(page, "flood line 2999")
    link = line_of(page, "flood line 2100").locator("a").get_attribute("href")
    page.goto(chat.url.partition("?")[0] + str(link))
    until_connected(page)
    expect(page.locator(".log-more")).to_be_visible()
    chat.say("out not streamed to a reader further up")

    if how == "button":
        page.locator(".log-jump").click()
    else:
        page.locator("log-view .log").press("End")

    page.wait_for_function(LAST_IS, arg="not streamed to a reader further up")
    expect(page.locator(".log-jump")).to_be_hidden()
    chat.say("out live again")
    until_line(page, "live again")
    expect(lines(page).last).to_be_in_viewport()
    chat.end()


def test_a_line_has_a_link_that_leads_to_it_among_those_around_it(page: Page, chat: Chat):
    chat.say("flood 0 3000")
    chat.end()
    open_log(page, chat)
    until_line(page, "the last line")

    line_of(page, "flood line 2500").locator("a").click()

    expect(page).to_have_url(re.compile(r"\?action=a0&tab=logs&line=\d+\.\d+$"))
    expect(page.locator(".line.linked span")).to_have_text("flood line 2500")
    page.reload()
    until_connected(page)
    expect(page.locator(".line.linked span")).to_have_text("flood line 2500")
    expect(page.locator(".line.linked")).to_be_in_viewport()
    assert "flood line 2300" in spans(page)
    assert "the last line" not in spans(page)

    page.get_by_role("tab", name="Overview").click()
    expect(page).to_have_url(re.compile(r"\?action=a0$"))
    page.go_back()


def test_what_the_server_has_found_can_be_read_in_its_place(page: Page, chat: Chat):
    chat.say("flood 0 200", "out a needle", "flood 200 3000")
    chat.end()
    open_log(page, chat)
    until_line(page, "the last line")
    page.get_by_role("searchbox", name="Search the log").fill("needle")
    page.get_by_role("button", name="Search the whole log").click()

    page.locator(".log-found .line a").click()

    expect(page.locator(".log-found")).to_have_count(0)
    expect(page.locator(".line.linked span")).to_have_text("a needle")
    expect(page.locator(".line.linked")).to_be_in_viewport()
    expect(page.locator(".log-count")).to_have_text("1 of 1")
    assert spans(page)[:2] == ["flood line 0", "flood line 1"]


def test_the_line_of_a_match_is_linked_without_a_pointer(page: Page, chat: Chat):
    chat.say("flood 0 300")
    chat.end()
    open_log(page, chat)
    button = page.get_by_role("button", name="Link to line")
    expect(button).to_be_disabled()

    page.get_by_role("searchbox", name="Search the log").fill("line 12")
    expect(page.locator(".log-count")).to_have_text("1 of 11")
    button.focus()
    page.keyboard.press("Enter")

    expect(page).to_have_url(re.compile(r"&line=\d+\.\d+$"))
    expect(page.locator(".line.linked span")).to_have_text("flood line 12")


def test_a_line_that_is_not_kept_any_more_is_named(page: Page, chat: Chat):
    chat.say("out here")
    chat.end()

    page.goto(chat.url.partition("?")[0] + "?line=999999999.0")
    until_connected(page)

    expect(page.locator(".log-note")).to_contain_text("is not kept any more")
    expect(lines(page).last).to_contain_text("the last line")


def test_earlier_lines_that_could_not_be_loaded_are_asked_for_again(failing_page: Page, chat: Chat):
    page = failing_page
    chat.say("flood 0 2000")
    chat.end()
    open_log(page, chat)
    until_line(page, "the last line")
    page.route("**/log/lines?*", lambda route: route.abort())
    page.locator("log-view .log").focus()
    page.keyboard.press("Home")
    expect(page.locator("log-view")).to_have_attribute("data-ui-failed", "")
    expect(lines(page)).to_have_count(1000)

    page.unroute("**/log/lines?*")
    page.get_by_role("button", name="Load earlier lines").click()

    expect(lines(page)).to_have_count(1400)
    expect(page.locator("log-view")).not_to_have_attribute("data-ui-failed", "")
