"""How times are said: relative, in the reader's zone, in UTC; switched on the page, kept for the next one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.pages.run_page import open_ended_run
from tests.support.pages.time_axis import axis, moment
from tests.support.server.commands import make_demo
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e

AWAY = timedelta(hours=9)  # Asia/Tokyo, the whole year
OFFSET = r"\+\d\d:\d\d\.\d{3}"


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    return server.url + make_demo(server, "3x4") + "?action=a0"


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, timezone_id="Asia/Tokyo")
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def queued_at(page: Page) -> datetime:
    said = page.locator("#overview time").first.get_attribute("datetime")
    assert said
    return datetime.fromisoformat(said)


def millis(at: datetime) -> str:
    return at.strftime("%H:%M:%S.%f")[:-3]


def switch_to(page: Page, way: str) -> None:
    """Press the button until it says so: it goes round."""
    button = page.locator("time-switch button")
    for _ in range(2):
        if button.get_attribute("aria-label") != f"Times: {way}":
            button.click()
    expect(button).to_have_attribute("aria-label", f"Times: {way}")


def ticks(page: Page) -> list[str]:
    return page.locator("time-axis span").all_inner_texts()


def test_the_switch_changes_every_time_of_a_run_page_at_once(page: Page, url: str):
    open_ended_run(page, url)
    at = queued_at(page)
    queued, started = page.locator("#overview time").first, page.locator("#run-header relative-time")
    expect(started).to_have_text(re.compile("ago$"))
    expect(queued).to_have_text(re.compile(f"^{OFFSET}$"))
    assert ticks(page)[0] == "0"

    switch_to(page, "Local")
    expect(queued).to_have_text(millis(at + AWAY))
    expect(started).to_have_text((at + AWAY).strftime("%H:%M:%S"))
    assert re.fullmatch(r"(\d\d:\d\d:\d\d(\.\d+)? ?)+", " ".join(ticks(page)))

    switch_to(page, "UTC")
    expect(queued).to_have_text(f"{millis(at)}Z")
    expect(started).to_have_text(f"{at:%H:%M:%S}Z")
    expect(page.get_by_role("status").filter(has_text="Times: UTC")).to_have_count(1)

    switch_to(page, "Relative")
    expect(queued).to_have_text(re.compile(f"^{OFFSET}$"))


def test_a_title_says_the_moment_in_both_zones_whatever_the_page_says(page: Page, url: str):
    open_ended_run(page, url)
    at = queued_at(page)
    both = f"{at + AWAY:%Y-%m-%d} {millis(at + AWAY)} local (UTC+09:00)\n{at:%Y-%m-%d} {millis(at)} UTC"

    for way in ("Local", "UTC", "Relative"):
        switch_to(page, way)
        for time in (page.locator("#overview time").first, page.locator("#run-header relative-time")):
            time.hover()
            expect(time).to_have_attribute("title", both)


def test_a_panel_that_comes_later_says_its_times_in_the_same_way(page: Page, url: str):
    open_ended_run(page, url)
    switch_to(page, "Local")

    page.locator("#tab-events").click()

    events = page.locator("#events time")
    expect(events.first).to_have_text(re.compile(r"^\d\d:\d\d:\d\d\.\d{3}$"))
    said = events.first.get_attribute("datetime")
    assert said
    expect(events.first).to_have_text(millis(datetime.fromisoformat(said) + AWAY))


def test_lines_of_a_log_say_their_times_in_the_same_way(page: Page, url: str):
    open_ended_run(page, f"{url}&tab=logs")
    line = page.locator("#log time").first
    expect(line).to_have_text(re.compile(f"^{OFFSET}$"))

    switch_to(page, "Local")
    said = line.get_attribute("datetime")
    assert said
    expect(line).to_have_text(millis(datetime.fromisoformat(said) + AWAY))


def test_the_line_under_the_pointer_says_first_what_was_chosen(page: Page, url: str):
    open_ended_run(page, url)
    lanes = axis(page)
    x = lanes["x"] + lanes["width"] / 2
    page.mouse.move(x, lanes["y"] + 100)
    first = page.locator("time-cursor b")
    expect(first).to_have_text(re.compile(r"^[\d.]+ m?s$"))
    origin = float(page.locator("live-clock").get_attribute("data-origin") or 0)
    utc = datetime.fromtimestamp((origin + moment(page, x)) / 1000, UTC)

    page.keyboard.press("t")
    expect(first).to_have_text(re.compile(f"^{utc + AWAY:%H:%M:%S}"))
    page.keyboard.press("t")
    expect(first).to_have_text(re.compile(f"^{utc:%H:%M:%S}.* UTC$"))
    expect(page.locator("time-cursor p")).to_contain_text(f"{utc + AWAY:%H:%M:%S}")


def test_ticks_of_an_axis_in_local_time_are_round_moments_of_that_zone(browser: Browser, url: str):
    context = browser.new_context(viewport={"width": 1920, "height": 800}, timezone_id="Asia/Kathmandu")
    page = context.new_page()
    open_ended_run(page, url.partition("?")[0])
    page.keyboard.press("t")
    page.wait_for_function("() => document.querySelector('time-axis span')?.textContent.includes(':')")
    origin = float(page.locator("live-clock").get_attribute("data-origin") or 0)

    assert len(ticks(page)) > 1
    for tick in page.locator("time-axis span").all():
        since = float(tick.evaluate("tick => tick.style.getPropertyValue('--from')"))
        local = datetime.fromtimestamp((origin + since) / 1000, UTC) + timedelta(hours=5, minutes=45)
        assert f"{local:%H:%M:%S.%f}".startswith(tick.inner_text())
        assert re.fullmatch("0*", f"{local:%H:%M:%S.%f}".removeprefix(tick.inner_text()).replace(".", ""))
    context.close()


def test_lists_follow_and_the_next_page_remembers(page: Page, server: Server, url: str):
    open_ended_run(page, url)
    switch_to(page, "UTC")

    page.goto(server.url)
    when = page.locator("#runs .when relative-time").first
    expect(when).to_have_text(re.compile(r"\d\d:\d\d:\d\dZ$"))
    page.keyboard.press("t")
    expect(when).to_have_text(re.compile("ago$"))
    page.keyboard.press("t")

    page.goto(f"{server.url}/executors/")
    expect(page.get_by_role("button", name="Times: Local", exact=True)).to_be_visible()
    said = page.locator("#executors relative-time").all_inner_texts()
    assert all(re.fullmatch(r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d", words) for words in said), said


def test_a_page_that_comes_back_says_times_as_they_were_switched_elsewhere(context: BrowserContext, url: str):
    page = context.new_page()
    open_ended_run(page, url)
    other = context.new_page()
    open_ended_run(other, url)
    switch_to(other, "Local")

    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")

    expect(page.get_by_role("button", name="Times: Local", exact=True)).to_be_visible()
    expect(page.locator("#run-header relative-time")).not_to_have_text(re.compile("ago"))


def test_without_scripts_times_are_in_utc_and_there_is_no_switch(browser: Browser, url: str):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url)

    expect(page.locator("#run-header relative-time")).to_have_text(
        re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$")
    )
    expect(page.locator("#overview time").first).to_have_text(re.compile(r"^\d\d:\d\d:\d\d\.\d{3}$"))
    expect(page.locator("time-switch")).to_be_hidden()
    context.close()
