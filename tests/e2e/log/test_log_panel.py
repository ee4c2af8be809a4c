"""The Logs tab of a live action: every line comes over the socket of the page, once, in order, and can be found."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, expect

from runs.live.feed import POLL_SECONDS
from tests.support.long import long_or_short
from tests.support.pages.log_panel import Chat, lines, open_log, spans, until_line
from tests.support.pages.socket import Message, Wire

pytestmark = pytest.mark.e2e

FLOOD = long_or_short(20_000, 6_500)
MAX_LINES = 5000
# What each frame brought into the page, in order.
COLLECT = """() => {
  window.told = [];
  const note = (line) => window.told.push(line.lastChild.textContent);
  const box = document.querySelector("log-view .log");
  box.querySelectorAll(".line").forEach(note);
  window.most = 0;
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) for (const node of addedNodes) if (node.matches?.(".line")) note(node);
    window.most = Math.max(window.most, box.querySelectorAll(".line").length);
  }).observe(box, { childList: true });
}"""

# The second time before the browser tells of the scrolling that the first one made.
# Of the steps in which the browser scrolls, still near the end: how far from it the box stays.
FIRST_STEP_UP = """async () => {
  const drawn = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const { box } = document.querySelector("log-view");
  await drawn();
  box.scrollTop -= 10;
  await drawn();
  return box.scrollHeight - box.clientHeight - box.scrollTop;
}"""
# Before the browser says that it has scrolled, the box has another size.
HOME_WHILE_IT_SHRINKS = """() => {
  const log = document.querySelector("log-view");
  log.box.dispatchEvent(new KeyboardEvent("keydown", { key: "Home" }));
  log.box.scrollTop = 0;
  log.box.style.blockSize = "70px";
  log.settle();
  return log.box.scrollTop;
}"""
SHRINK_TWICE = """async () => {
  const view = document.querySelector("log-view");
  view.box.style.height = "300px";
  view.settle();
  view.box.style.height = "150px";
  for (let frames = 0; frames < 3; frames++) await new Promise(requestAnimationFrame);
}"""
FROM_END = """() => {
  const { scrollHeight, scrollTop, clientHeight } = document.querySelector("log-view").box;
  return scrollHeight - scrollTop - clientHeight;
}"""


def test_a_line_is_on_the_page_a_moment_after_it_was_printed_and_nothing_polls(page: Page, chat: Chat):
    open_log(page, chat)
    expect(page.locator(".empty-line")).to_have_text("Nothing printed yet.")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    took = []
    for number in range(20):
        began = time.monotonic()
        chat.say(f"out line {number}")
        until_line(page, f"line {number}")
        took.append((time.monotonic() - began) * 1000)
    chat.say("err a warning")
    until_line(page, "a warning")

    print(
        f"written to the order file -> on the page: p50 {sorted(took)[10]:.0f} ms, slowest {max(took):.0f} ms"
    )
    assert sorted(took)[10] < 750 * POLL_SECONDS, "no line waits for the poll that would find it in the end"
    expect(page.locator(".empty-line")).to_be_hidden()
    expect(lines(page).last.locator("i")).to_have_text("err")
    assert [url for url in asked if "/log" in url] == []
    chat.end()
    until_line(page, "the last line")
    expect(page.get_by_text("Following", exact=True)).to_be_hidden()


@pytest.mark.long
@pytest.mark.timeout(400)
def test_a_flood_comes_whole_and_in_order_and_the_page_keeps_its_end(page: Page, chat: Chat):
    open_log(page, chat)
    page.evaluate(COLLECT)

    chat.say(f"flood 0 {FLOOD}")

    page.wait_for_function(f"() => window.told.at(-1) === 'flood line {FLOOD - 1}'", timeout=300_000)
    assert page.evaluate("window.told") == [f"flood line {number}" for number in range(FLOOD)]
    assert page.evaluate("window.most") <= MAX_LINES + 400
    expect(lines(page)).to_have_count(MAX_LINES)
    expect(page.locator(".log-cut")).to_be_visible()
    expect(page.get_by_role("button", name="Jump to the end")).to_be_hidden()
    expect(lines(page).last).to_be_in_viewport()
    chat.end()


def test_a_reader_further_up_stays_there_and_can_jump_to_the_end(page: Page, chat: Chat):
    chat.say("flood 0 200")
    open_log(page, chat)
    until_line(page, "flood line 199")

    lines(page).nth(20).scroll_into_view_if_needed()
    jump = page.locator(".log-jump")
    expect(jump).to_have_text("Jump to the end ↓")
    place = lines(page).nth(20).bounding_box()
    chat.say("flood 200 30")
    expect(jump).to_have_text("30 new lines ↓")

    assert lines(page).nth(20).bounding_box() == place
    jump.click()
    expect(jump).to_be_hidden()
    expect(lines(page).last).to_be_in_viewport()
    chat.say("out followed again")
    until_line(page, "followed again")
    expect(lines(page).last).to_be_in_viewport()
    chat.end()


def test_a_refresh_of_the_panel_keeps_lines_place_and_what_is_searched_for(page: Page, chat: Chat):
    chat.say("flood 0 300")
    open_log(page, chat)
    until_line(page, "flood line 299")
    page.get_by_role("searchbox", name="Search the log").fill("line 12")
    expect(page.locator(".log-count")).to_have_text("1 of 11")

    chat.end()

    expect(page.locator("#panel .pill").first).to_have_text(re.compile("Succeeded"))
    until_line(page, "the last line")
    expect(page.get_by_role("searchbox", name="Search the log")).to_be_focused()
    expect(page.get_by_role("searchbox", name="Search the log")).to_have_value("line 12")
    expect(page.locator(".log-count")).to_have_text("1 of 11")
    assert spans(page) == [*(f"flood line {number}" for number in range(300)), "the last line"]


ENTER_AT_ONCE = """(field) => {
  field.value = "alpha";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  return field.closest("log-view").search.timer;
}"""


def test_enter_goes_to_the_next_match_while_the_word_is_still_being_typed(page: Page, chat: Chat):
    chat.say("out alpha one", "out ALPHA two", "err alpha three")
    open_log(page, chat)
    until_line(page, "alpha three")

    to_come = page.get_by_role("searchbox", name="Search the log").evaluate(ENTER_AT_ONCE)

    assert to_come == 0, "the pause in typing will go back to the first match"
    expect(page.locator(".log-count")).to_have_text("2 of 3")


def test_what_is_searched_for_is_counted_walked_and_can_stand_alone(page: Page, chat: Chat):
    chat.say("out alpha one", "err beta one", "out gamma", "out ALPHA two", "err alpha three")
    open_log(page, chat)
    until_line(page, "alpha three")
    field, count = page.get_by_role("searchbox", name="Search the log"), page.locator(".log-count")

    page.locator("log-view .log").focus()
    page.keyboard.press("/")
    expect(field).to_be_focused()
    page.keyboard.type("alpha")
    expect(count).to_have_text("1 of 3")
    page.keyboard.press("Enter")
    expect(count).to_have_text("2 of 3")
    expect(page.locator(".line.now span")).to_have_text("ALPHA two")
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")
    expect(count).to_have_text("3 of 3")
    page.get_by_role("button", name="Next match").click()
    expect(count).to_have_text("1 of 3")
    assert page.evaluate("() => [...CSS.highlights.get('log-match')].map(String)") == [
        "alpha",
        "ALPHA",
        "alpha",
    ]

    page.get_by_role("button", name="Only matches").click()
    expect(page.locator("log-view .line:visible span")).to_have_text(
        ["alpha one", "ALPHA two", "alpha three"]
    )
    page.get_by_label("Stream").select_option("err")
    expect(page.locator("log-view .line:visible span")).to_have_text(["alpha three"])
    chat.say("err alpha four", "out alpha five")
    expect(count).to_have_text("1 of 2")

    field.focus()
    page.keyboard.press("Escape")
    expect(count).to_have_text("")
    expect(page.locator("#panel")).to_be_visible()
    expect(page.locator("log-view .line:visible span")).to_have_text(
        ["beta one", "alpha three", "alpha four"]
    )
    field.fill("nowhere")
    expect(count).to_have_text("No match")
    chat.end()


def test_a_box_that_shrinks_and_shrinks_again_is_followed_to_its_end(page: Page, chat: Chat):
    chat.say("flood 0 400")
    chat.end()
    open_log(page, chat)
    until_line(page, "the last line")

    page.evaluate(SHRINK_TWICE)

    expect(page.locator(".log-jump")).to_be_hidden()
    assert page.evaluate(FROM_END) < 1
    page.locator("log-view .log").hover()
    page.mouse.wheel(0, -50)
    expect(page.locator(".log-jump")).to_be_visible()
    page.locator(".log-jump").click()
    assert page.evaluate(FIRST_STEP_UP) > 1
    assert page.evaluate(HOME_WHILE_IT_SHRINKS) == 0


def test_lines_that_are_not_loaded_are_found_by_the_server(page: Page, chat: Chat):
    chat.say("out needle at the start", "flood 0 6000")
    chat.end()
    open_log(page, chat)
    expect(lines(page)).to_have_count(1000)

    page.get_by_role("searchbox", name="Search the log").fill("NEEDLE")
    expect(page.locator(".log-count")).to_have_text("No match")
    page.get_by_role("button", name="Search the whole log").click()

    found = page.locator(".log-found")
    expect(found.locator(".line span")).to_have_text(["needle at the start"])
    expect(found).to_contain_text("1 line of the whole log has “NEEDLE”")
    expect(lines(page).first).to_be_hidden()
    found.get_by_role("button", name="Back to the end").click()
    expect(found).to_have_count(0)
    expect(lines(page).last).to_be_in_viewport()

    page.get_by_role("searchbox", name="Search the log").fill("flood line")
    page.get_by_role("button", name="Search the whole log").click()
    expect(found).to_contain_text("The first 500 of 6000 lines")


def test_long_lines_wrap_or_do_not_and_the_choice_is_remembered(page: Page, chat: Chat):
    chat.say("out " + "long " * 200)
    chat.end()
    open_log(page, chat)
    box = "document.querySelector('log-view .log')"
    expect(lines(page)).to_have_count(2)
    assert page.evaluate(f"{box}.scrollWidth <= {box}.clientWidth")

    page.get_by_role("button", name="Wrap").click()

    expect(page.get_by_role("button", name="Wrap")).to_have_attribute("aria-pressed", "false")
    assert page.evaluate(f"{box}.scrollWidth > 2 * {box}.clientWidth")
    page.reload()
    expect(page.get_by_role("button", name="Wrap")).to_have_attribute("aria-pressed", "false")
    page.get_by_role("button", name="Wrap").click()
    assert page.evaluate(f"{box}.scrollWidth <= {box}.clientWidth")


def test_only_the_log_that_is_shown_is_told(page: Page, chat: Chat):
    wire = Wire(page)
    open_log(page, chat)
    chat.say("out shown")
    until_line(page, "shown")

    page.get_by_role("tab", name="Overview").click()
    expect(page.locator("#overview")).to_be_visible()
    assert {"kind": "log", "action": 0} in wire.said[-2:]
    page.keyboard.press("f")  # which a frame answers: what was said before it is known then, too
    expect(page.get_by_role("status").get_by_text("No action has failed").first).to_be_attached()
    told = sum("log" in frame for frame in wire.heard)
    chat.say("out not shown")
    chat.end()
    expect(page.locator("#action-a0")).to_have_attribute("data-phase", "succeeded")
    assert sum("log" in frame for frame in wire.heard) == told

    page.get_by_role("tab", name="Logs").click()
    expect(lines(page).locator("span")).to_have_text(["shown", "not shown", "the last line"])


def test_a_cut_in_the_middle_of_a_flood_loses_no_line_and_doubles_none(page: Page, chat: Chat):
    left = [3, 3, 3]  # the frames with lines of each connection, the last of which is cut off

    def cut(frame: Message) -> Message | None:
        """The third one never comes, three times."""
        if not left or "log" not in frame:
            return frame
        left[0] -= 1
        if left[0]:
            return frame
        del left[0]
        return None

    wire = Wire(page, cut)
    open_log(page, chat)
    page.evaluate(COLLECT)

    chat.say("flood 0 4000")
    chat.end()

    until_line(page, "the last line")
    assert len(wire.sockets) == 4
    assert page.evaluate("window.told") == [
        *(f"flood line {number}" for number in range(4000)),
        "the last line",
    ]
