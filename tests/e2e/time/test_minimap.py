"""The minimap over the tree of the run page."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.pages.run_page import open_ended_run
from tests.support.pages.time_axis import box, drag, shown, wait_for_shown, wait_for_view
from tests.support.server.commands import make_demo
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    """The page of an ended run with 12 branches of 20 leaves, some of which were tried twice."""
    return server.url + make_demo(server, "12x20")


def brush(page: Page) -> Locator:
    return page.get_by_role("slider", name="Part of the run that is shown")


def test_the_strip_comes_after_the_page_and_shows_the_whole_run(page: Page, url: str):
    with page.expect_response(re.compile("/minimap$")) as answer:
        open_ended_run(page, url)

    assert answer.value.ok
    strip = page.get_by_role(
        "img", name=re.compile("Actions that ran over time, up to .* at once; .* failed")
    )
    expect(strip).to_be_visible()
    assert 28 <= box(page.locator(".minimap"))["height"] <= 37
    assert (
        "failures" not in page.request.get(url).text().partition('id="rows"')[0].partition("<run-minimap")[2]
    )
    expect(strip.locator("path.failures")).to_have_count(1)
    expect(brush(page)).to_have_attribute("aria-valuetext", "The whole run")


def test_the_brush_is_drawn_moved_sized_and_centred(page: Page, url: str):
    open_ended_run(page, url)
    lane, whole = box(page.locator(".minimap-lane")), shown(page)
    y = lane["y"] + lane["height"] / 2

    def x(part: float) -> float:
        return lane["x"] + lane["width"] * part

    drag(page, (x(0.2), y), (x(0.4), y))
    wait_for_shown(page, whole[1] * 0.2, whole[1] * 0.4)
    place = box(brush(page))
    assert place["x"] == pytest.approx(x(0.2), abs=3)

    drag(page, (x(0.3), y), (x(0.6), y))
    wait_for_shown(page, whole[1] * 0.5, whole[1] * 0.7)

    drag(page, (x(0.7) - 1, y), (x(0.9), y))
    wait_for_shown(page, whole[1] * 0.5, whole[1] * 0.9)

    page.mouse.click(x(0.25), y)
    wait_for_shown(page, whole[1] * 0.05, whole[1] * 0.45)


def test_the_brush_has_keys_of_its_own_even_when_those_of_the_page_are_off(page: Page, url: str):
    open_ended_run(page, url)
    page.evaluate("document.querySelector('keys-help [data-switch]').click()")
    whole = shown(page)
    brush(page).focus()

    page.keyboard.press("+")
    zoomed = wait_for_view(page, whole)
    assert zoomed == pytest.approx((whole[1] / 4, whole[1] * 3 / 4))
    page.keyboard.press("ArrowRight")
    later = wait_for_view(page, zoomed)
    assert later[0] > zoomed[0]
    expect(brush(page)).to_have_attribute("aria-valuetext", re.compile(r"^\S+ s to \S+ s of \S+ s$"))
    page.keyboard.press("End")
    assert wait_for_view(page, later)[1] == whole[1]
    page.keyboard.press("Home")
    page.wait_for_function(
        "() => getComputedStyle(document.querySelector('time-axis')).getPropertyValue('--view-start') == 0"
    )
    page.keyboard.press("0")
    expect(page.get_by_role("button", name="Whole run")).to_be_hidden()
    assert shown(page) == whole


def test_the_strip_of_a_live_run_is_drawn_anew_when_frames_come_once_in_two_seconds(
    page: Page, live_url: str
):
    page.goto(live_url)
    page.evaluate(
        """() => { window.times = []; const ask = window.fetch;
        window.fetch = (url, ...rest) => { if (String(url).endsWith("/minimap")) window.times.push(performance.now());
        return ask(url, ...rest); }; }"""
    )

    page.wait_for_function("() => window.times.length >= 4")

    times = page.evaluate("window.times")
    assert all(later - earlier >= 1990 for earlier, later in pairwise(times))


def test_the_strip_of_an_ended_run_is_never_drawn_anew(page: Page, url: str):
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_ended_run(page, url)
    expect(page.locator(".minimap svg[data-final]")).to_have_count(1)

    for key, rows in [("w", "13"), ("e", "253")]:
        page.keyboard.press(key)
        expect(page.locator(".tree")).to_have_attribute("aria-rowcount", rows)
        assert page.evaluate("document.querySelector('run-minimap').timer === undefined"), (
            "another one is due"
        )

    assert len([one for one in asked if one.endswith("/minimap")]) == 1


def test_failures_are_seen_in_forced_colours(browser: Browser, url: str):
    context = browser.new_context(forced_colors="active", color_scheme="dark")
    page = context.new_page()
    open_ended_run(page, url)
    marks = page.locator(".minimap path.failures")
    expect(marks).to_have_count(1)

    stroke, ground = marks.evaluate(
        "mark => [getComputedStyle(mark).stroke, getComputedStyle(document.body).backgroundColor]"
    )
    area = page.locator(".minimap path.succeeded").evaluate("path => getComputedStyle(path).fill")
    assert stroke not in {"none", ground, area}
    context.close()
