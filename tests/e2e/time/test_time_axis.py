"""The time axis of the run page: tries, ticks, zoom, and the line under the pointer."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.pages.run_page import open_ended_run
from tests.support.pages.time_axis import axis, box, drag, moment, shown, wait_for_view
from tests.support.server.commands import make_demo
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e

LABELS = """axis => [...axis.querySelectorAll("span")].map((label) => {
  const words = document.createRange();
  words.selectNodeContents(label);
  const { left, right } = words.getBoundingClientRect();
  return { left, right, words: label.textContent };
})"""


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    """The page of an ended run with 12 branches of 20 leaves, some of which were tried twice."""
    return server.url + make_demo(server, "12x20")


def test_each_try_is_a_part_of_the_bar_and_looks_another_way(page: Page, url: str):
    open_ended_run(page, url)
    lane = page.locator(".lane:has(> .failed):has(> .run)").first

    failed, run, wait = (box(lane.locator(f".{kind}")) for kind in ("failed", "run", "wait"))
    assert failed["x"] < run["x"]
    assert failed["height"] < run["height"]
    assert wait["height"] < failed["height"]
    looks = [
        lane.locator(f".{kind}").evaluate("bar => getComputedStyle(bar).backgroundImage")
        for kind in ("failed", "run")
    ]
    assert "repeating-linear-gradient" in looks[0]
    assert looks[1] == "none"


@pytest.mark.parametrize(
    ("width", "query"), [(1600, "?action=a0"), (1280, "?action=a0"), (900, ""), (700, "")]
)
def test_labels_never_touch_each_other_or_the_edge(page: Page, url: str, width: int, query: str):
    page.set_viewport_size({"width": width, "height": 700})
    open_ended_run(page, url + query)
    lanes = axis(page)
    before = shown(page)

    for key in ["0", "+", "+", "+", "+", "+", "+", "-"]:
        page.keyboard.press(key)
        if key != "0":
            before = wait_for_view(page, before)
        labels = page.locator("time-axis").evaluate(LABELS)
        assert labels, f"no label at {before}"
        for label, following in pairwise(labels):
            assert label["right"] + 4 <= following["left"], (label, following)
        assert labels[-1]["right"] <= lanes["x"] + lanes["width"]
        assert len({label["words"] for label in labels}) == len(labels)


def test_ticks_are_drawn_anew_when_the_lanes_get_another_width(page: Page, url: str):
    open_ended_run(page, url)
    ticks = page.locator("time-axis span")
    wide = ticks.count()

    page.locator("#action-a0 a.label").click()

    expect(page.locator("#panel")).to_be_visible()
    expect(ticks).not_to_have_count(wide)
    lanes = axis(page)
    labels = page.locator("time-axis").evaluate(LABELS)
    assert all(label["right"] <= lanes["x"] + lanes["width"] for label in labels)


def test_dragging_on_the_axis_shows_that_part_and_a_button_shows_all_again(page: Page, url: str):
    open_ended_run(page, url)
    lanes, whole = axis(page), shown(page)
    back = page.get_by_role("button", name="Whole run")
    expect(back).to_be_hidden()
    y = lanes["y"] + lanes["height"] / 2

    drag(page, (lanes["x"] + lanes["width"] / 4, y), (lanes["x"] + lanes["width"] / 2, y))

    start, end = wait_for_view(page, whole)
    assert start == pytest.approx(whole[1] / 4, rel=0.02)
    assert end == pytest.approx(whole[1] / 2, rel=0.02)
    expect(page.locator("time-cursor .mark")).to_be_hidden()
    back.click()
    wait_for_view(page, (start, end))
    assert shown(page) == whole
    expect(back).to_be_hidden()
    expect(page.get_by_role("slider")).to_be_focused()


def test_a_click_on_the_axis_changes_nothing(page: Page, url: str):
    open_ended_run(page, url)
    whole = shown(page)

    page.locator("time-axis").click()

    expect(page.get_by_role("button", name="Whole run")).to_be_hidden()
    assert shown(page) == whole


def test_bars_outside_are_clipped_and_bars_across_fill_the_lane_however_close_one_looks(page: Page, url: str):
    open_ended_run(page, url)
    page.locator("#action-a0").focus()
    before = shown(page)
    for _ in range(13):
        page.keyboard.press("+")
        before = wait_for_view(page, before)

    assert before[1] - before[0] == pytest.approx(5, abs=0.01)
    lanes = axis(page)
    root = box(page.locator("#action-a0 .run"))
    assert root["x"] <= lanes["x"]
    assert root["x"] + root["width"] >= lanes["x"] + lanes["width"]
    assert all(re.search(r"\.\d{3} ?s$", words) for words in page.locator("time-axis span").all_inner_texts())
    outside = page.locator("#rows .lane > i").evaluate_all(
        """(bars) => bars.filter((bar) => {
          const [from, to] = bar.dataset.at.split("-").map(Number);
          const view = getComputedStyle(bar);
          const isOut = to < view.getPropertyValue("--view-start") || from > view.getPropertyValue("--view-end");
          const [seen, lane] = [bar.getBoundingClientRect(), bar.parentElement.getBoundingClientRect()];
          return isOut && seen.right > lane.left && seen.left < lane.right && seen.width;
        }).length"""
    )
    assert outside == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_keys_zoom_around_the_selected_row_and_around_the_pointer(page: Page, url: str):
    open_ended_run(page, f"{url}?action=m6.t3")
    bar = page.locator("#action-m6\\.t3 .run")
    at = sum(float(one) for one in str(bar.get_attribute("data-at")).split("-")) / 2
    before = shown(page)
    for _ in range(5):
        page.keyboard.press("+")
        before = wait_for_view(page, before)
        assert before[0] < at < before[1]
    page.keyboard.press("0")
    wait_for_view(page, before)

    lanes = axis(page)
    x = lanes["x"] + lanes["width"] * 0.7
    page.mouse.move(x, lanes["y"] + 100)
    expect(page.locator("time-cursor")).to_be_visible()
    under = moment(page, x)
    before = shown(page)
    for key in "++-":
        page.keyboard.press(key)
        before = wait_for_view(page, before)
        assert moment(page, x) == pytest.approx(under, abs=before[1] / 200)


def test_the_wheel_zooms_with_ctrl_pans_with_shift_and_else_scrolls(page: Page, url: str):
    open_ended_run(page, url)
    lanes, whole = axis(page), shown(page)
    x = lanes["x"] + lanes["width"] / 3
    top = "document.querySelector('.tree').scrollTop"
    page.mouse.move(x, lanes["y"] + 200)
    under = moment(page, x)

    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    zoomed = wait_for_view(page, whole)
    assert zoomed[1] - zoomed[0] < whole[1] * 0.6
    assert moment(page, x) == pytest.approx(under, abs=whole[1] / 200)

    page.keyboard.down("Shift")
    page.mouse.wheel(0, 100)
    page.keyboard.up("Shift")
    panned = wait_for_view(page, zoomed)
    assert panned[0] > zoomed[0]
    assert panned[1] - panned[0] == pytest.approx(zoomed[1] - zoomed[0])
    assert page.evaluate(top) == 0

    page.mouse.wheel(0, 400)
    page.wait_for_function(f"() => {top} > 100")
    assert shown(page) == panned


def test_q_hides_the_time_in_the_queue_and_shows_it_again(page: Page, live_url: str):
    page.goto(live_url)
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")
    page.wait_for_function("() => Number(document.getElementById('run-summary').dataset.began) > 0")
    began = page.evaluate("Number(document.getElementById('run-summary').dataset.began)")
    before = shown(page)
    assert before[0] == 0

    page.keyboard.press("q")
    assert wait_for_view(page, before)[0] == began
    expect(page.get_by_role("button", name="Whole run")).to_be_visible()
    page.keyboard.press("Q")
    page.wait_for_function(
        "() => getComputedStyle(document.querySelector('time-axis')).getPropertyValue('--view-start') == 0"
    )
    expect(page.get_by_role("button", name="Whole run")).to_be_hidden()


def test_a_live_run_grows_unless_one_has_zoomed(page: Page, live_url: str):
    page.goto(live_url)
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")
    first = shown(page)
    second = wait_for_view(page, first)
    assert second[0] == 0
    assert second[1] > first[1]

    page.keyboard.press("+")
    zoomed = wait_for_view(page, second)
    now = "document.querySelector('live-clock').now"
    page.wait_for_function(f"() => {now} > {second[1] * 1.3}")
    assert shown(page) == zoomed

    page.keyboard.press("0")
    whole = wait_for_view(page, zoomed)
    if whole == second:  # the axis grows when the clock ticks
        whole = wait_for_view(page, second)
    assert whole[1] > second[1]

    page.keyboard.press("l")
    lanes = axis(page)
    page.mouse.move(lanes["x"] + 20, lanes["y"] + 60)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -200)
    page.keyboard.up("Control")
    wait_for_view(page, whole)
    expect(page.get_by_role("button", name="Follow the newest running action")).to_have_attribute(
        "aria-pressed", "true"
    )


def test_a_line_under_the_pointer_says_which_moment_it_is(browser: Browser, url: str):
    context = browser.new_context(viewport={"width": 1280, "height": 800}, timezone_id="Asia/Tokyo")
    page = context.new_page()
    open_ended_run(page, url)
    lanes = axis(page)
    x = lanes["x"] + lanes["width"] / 2
    line = page.locator("time-cursor")

    page.mouse.move(x, lanes["y"] + 150)

    expect(line).to_be_visible()
    assert box(page.locator("time-cursor > i:not(.mark)"))["x"] == pytest.approx(x, abs=1)
    at = moment(page, x)
    words = re.fullmatch(r"([\d.]+) s", line.locator("b").inner_text())
    assert words
    assert float(words[1]) == pytest.approx(at / 1000, abs=0.05)
    origin = float(page.locator("live-clock").get_attribute("data-origin") or 0)
    utc = datetime.fromtimestamp((origin + at) / 1000, UTC)
    said = datetime.strptime(
        f"{utc:%F} {line.locator('small').inner_text()[:-4]}+0000", "%Y-%m-%d %H:%M:%S.%f%z"
    )
    assert said.timestamp() == pytest.approx(
        utc.timestamp(), abs=0.011
    )  # it has the digits that a pixel stands for
    assert line.locator("small").inner_text().endswith("UTC")
    assert line.locator("span").inner_text().startswith(f"{(utc.hour + 9) % 24:02}:{utc.minute:02}")
    assert line.get_attribute("aria-hidden") == "true"

    page.mouse.move(lanes["x"] - 200, lanes["y"] + 150)
    expect(line).to_be_hidden()
    context.close()


def test_the_pointer_moves_one_element_and_lays_no_row_out(page: Page, url: str):
    open_ended_run(page, url)
    expect(page.locator(".minimap-area svg")).to_have_count(1)
    lanes = axis(page)
    page.mouse.move(lanes["x"] + 10, lanes["y"] + 150)
    expect(page.locator("time-cursor")).to_be_visible()
    page.evaluate(
        """() => { window.changes = []; new MutationObserver((all) => window.changes.push(...all.map((one) =>
        one.target.closest?.("time-cursor") || one.target.parentElement?.closest("time-cursor") ? "line" : "else")))
        .observe(document.querySelector("run-tree"), { subtree: true, childList: true, attributes: true, characterData: true }); }"""
    )

    for step in range(20):
        page.mouse.move(lanes["x"] + 10 + 8 * step, lanes["y"] + 150)
    page.wait_for_function("() => window.changes.length > 10")

    assert set(page.evaluate("window.changes")) == {"line"}
