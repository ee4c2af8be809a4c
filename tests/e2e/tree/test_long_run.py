"""One long run that goes on, in a real browser: what it costs, beside a short one, and what a reader does in it.

It has 6,000 actions here and 100,000 in the long form; `make bench` holds the page of the latter to its budgets in milliseconds.

Tests that let the run grow come last.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from runs.protocol.constants import WINDOW_ROWS
from tests.support.long import long_or_short
from tests.support.pages.connected import until_connected
from tests.support.pages.costs import (
    cold_server,
    copy_database,
    cost_of_changes,
    cost_of_frames,
    first_byte,
    first_bytes,
    open_run,
    sizes_of_frames,
    work_of,
)
from tests.support.pages.scrolling import GRID, SCROLL, go, scroll
from tests.support.pages.socket import Message, Wire
from tests.support.server.commands import make_demo
from tests.support.server.growing_run import GrowingRun, growing_run
from tests.support.server.server import Server

ACTIONS = int(os.environ.get("FLYTEUI_TEST_ACTIONS", long_or_short(100_000, 6_000)))
FEW_ACTIONS = 600  # more than are in the page at a time, as of the long run
TELL_SECONDS = 1_200  # on a machine that does much else; 45 on one that does not
MOST_TIMES = 3  # as much as for the short run, in the same minute: of processor time to the first byte, and for a frame
MOST_ROWS = 150
SCROLL_SECONDS = long_or_short(6, 2)
# Of the page's own work in each frame of scrolling, whatever the size of the run.
MOST_LAYOUTS, MOST_STYLES = 3, 5
NOWHERE = "about:blank"  # where a page is while its server ends: otherwise it asks for a connection again, and the console says so
# The fourth row that shows: its id, where it is, its index.
EYE = """() => {
  const tree = document.querySelector("run-tree");
  const row = tree.rows[tree.rowWindow.visible.top - tree.rowWindow.before + 3];
  return [row.id, row.offsetTop - tree.grid.scrollTop, Number(row.ariaRowIndex)];
}"""
LIVE_ROW = '#rows > .row[data-phase="running"]'

pytestmark = [pytest.mark.long, pytest.mark.timeout(TELL_SECONDS + 180)]


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("big")).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def run(big: Server) -> Iterator[GrowingRun]:
    with growing_run(big, ACTIONS, seconds=TELL_SECONDS) as run:
        assert run.size > ACTIONS * 0.99
        yield run


@pytest.fixture(scope="module")
def short(big: Server, run: GrowingRun) -> str:
    """The path of a run with the same branches, and few of them. It is made second, so that the long one is the first of its server."""
    return make_demo(big, f"{FEW_ACTIONS // 9}x8")


@pytest.fixture
def last(big: Server, run: GrowingRun) -> str:
    """The action of the last row: the newest child of the newest branch."""
    sql = (
        "SELECT a.name FROM runs_action a JOIN runs_action p ON p.id = a.parent_id JOIN runs_run r ON r.id = a.run_id "
        "WHERE r.name = ? AND p.name LIKE 'm%' AND p.name NOT LIKE '%.%' ORDER BY p.id DESC, a.id DESC LIMIT 1"
    )
    return str(big.query(sql, run.name)[0]["name"])


def row_of(page: Page, name: str) -> Locator:
    return page.locator(f'[id="action-{name}"]')


def test_the_first_byte_comes_as_soon_as_of_a_short_run_though_the_server_has_never_seen_either(
    big: Server, run: GrowingRun, short: str, tmp_path: Path
):
    """Each time from a process that has just started; the first request of each is for another page, which loads the code."""
    copy_database(big.home, tmp_path)

    long_one, short_one = first_bytes(big, tmp_path, run.path, short)

    assert long_one <= MOST_TIMES * short_one


def test_a_link_to_an_action_is_as_fast_then_and_leads_there(
    page: Page, big: Server, run: GrowingRun, short: str, last: str, tmp_path: Path
):
    copy_database(big.home, tmp_path)
    link = f"{run.path}?action={last}"

    long_one, short_one = first_bytes(big, tmp_path, link, f"{short}?action=m1.t1")

    assert long_one <= MOST_TIMES * short_one
    with cold_server(big, tmp_path) as server:
        page.goto(server.url + link)
        expect(page.locator("#panel")).to_have_attribute("data-name", last)
        expect(row_of(page, last)).to_be_in_viewport(ratio=0.9)
        expect(row_of(page, last)).to_have_attribute("aria-selected", "true")
        assert page.evaluate("document.activeElement === document.body")
        row_of(page, last).locator(".took").click()
        page.keyboard.press("Home")
        expect(page.locator("#action-a0")).to_be_focused()
        page.goto(NOWHERE)


def test_a_link_leads_there_though_the_connection_is_cut_before_the_answer(
    page: Page, big: Server, run: GrowingRun, last: str, tmp_path: Path
):
    answers: list[Message] = []

    def cut_the_first(frame: Message) -> Message | None:
        answers.extend([frame] if "sought" in frame else [])
        return None if answers == [frame] else frame

    copy_database(big.home, tmp_path)
    with cold_server(big, tmp_path) as server:
        wire = Wire(page, cut_the_first)
        page.goto(f"{server.url}{run.path}?action={last}")

        expect(row_of(page, last)).to_be_in_viewport(ratio=0.9)
        assert len(wire.sockets) == len(answers) == 2
        page.goto(NOWHERE)


def test_a_link_yields_to_a_reader_who_is_faster(
    page: Page, big: Server, run: GrowingRun, last: str, tmp_path: Path
):
    copy_database(big.home, tmp_path)
    with cold_server(big, tmp_path) as server:
        wire = Wire(page)
        wire.is_open = False
        page.goto(f"{server.url}{run.path}?action={last}")
        expect(page.locator("connection-status")).to_have_attribute("data-state", "reconnecting")
        other = page.locator("#rows > .row").nth(3)
        name = str(other.get_attribute("id")).removeprefix("action-")
        other.locator(".took").click()
        expect(page.locator("#panel")).to_have_attribute("data-name", name)

        wire.is_open = True
        until_connected(page)

        expect(row_of(page, name)).to_be_in_viewport()
        assert not [said for said in wire.said if said["kind"] == "seek"]
        page.goto(NOWHERE)


def test_the_first_byte_comes_as_soon_when_others_look_too(
    page: Page, big: Server, run: GrowingRun, short: str
):
    open_run(page, run)
    page.context.new_page().goto(big.url + short)

    long_one, short_one = (min(first_byte(big, path) for _ in range(5)) for path in (run.path, short))

    print(f"first byte: {long_one * 1e3:.0f} ms, of the short run {short_one * 1e3:.0f} ms")
    assert long_one <= MOST_TIMES * short_one


@pytest.mark.parametrize("px", [100, 2000, 20_000])
def test_few_rows_are_in_the_page_and_it_is_never_white(page: Page, run: GrowingRun, px: int):
    page.add_init_script(SCROLL)
    open_run(page, run)

    frames = scroll(page, GRID, px, SCROLL_SECONDS, "lookAtTree")

    assert max(rows for rows, _ in frames.seen) <= MOST_ROWS
    assert [white for _, white in frames.seen if white] == []


def test_it_scrolls_from_end_to_end(page: Page, run: GrowingRun):
    page.add_init_script(SCROLL)
    open_run(page, run)

    frames = scroll(page, GRID, 80_000, 10, f"() => document.querySelector('{GRID}').scrollTop", turns=False)

    end = page.evaluate(
        "(({ scrollHeight, clientHeight }) => scrollHeight - clientHeight)(document.querySelector('run-tree .tree'))"
    )
    assert run.size * 32 < end + 1000
    bottom = frames.seen.index(max(frames.seen))
    assert frames.seen[bottom] >= end - 100  # what stands above may have grown by a line meanwhile
    assert min(frames.seen[bottom:]) == 0


# As wheels turn (a row in four frames; three rows in each), and as the bar is dragged from end to end.
@pytest.mark.parametrize("px", [8, 100, 20_000])
def test_a_frame_of_scrolling_is_little_work_for_the_page(page: Page, run: GrowingRun, px: int):
    page.add_init_script(SCROLL)
    open_run(page, run)
    scroll(page, GRID, px, 1)

    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    before = work_of(session)
    frames = scroll(page, GRID, px, SCROLL_SECONDS)
    done = {name: (number - before[name]) / len(frames.times) for name, number in work_of(session).items()}

    print(f"{px} px in each frame: {frames}; in each {done}")
    assert 0 < done["LayoutCount"] <= MOST_LAYOUTS
    assert done["RecalcStyleCount"] <= MOST_STYLES


@pytest.mark.parametrize("px", [100, 2000])
def test_frames_cost_as_much_as_of_a_short_run_while_one_scrolls(
    page: Page, big: Server, run: GrowingRun, short: str, px: int
):
    page.add_init_script(SCROLL)
    sizes = sizes_of_frames(page)
    page.goto(big.url + short)
    until_connected(page)
    usual = cost_of_frames(big, sizes, lambda: scroll(page, GRID, px, SCROLL_SECONDS))
    open_run(page, run)

    cost = cost_of_frames(big, sizes, lambda: scroll(page, GRID, px, SCROLL_SECONDS))

    assert cost <= MOST_TIMES * usual


def test_a_link_to_the_last_action_opens_with_it_in_view(page: Page, run: GrowingRun, last: str):
    open_run(page, run, f"?action={last}")

    row = row_of(page, last)
    expect(row).to_be_in_viewport(ratio=0.9)
    expect(row).to_have_attribute("aria-selected", "true")
    expect(page.locator("#panel")).to_have_attribute("data-name", last)
    assert int(row.get_attribute("aria-rowindex") or 0) > run.size - 20


def test_the_focused_row_stays_and_an_arrow_brings_it_back(page: Page, run: GrowingRun):
    open_run(page, run)
    page.locator("#action-a0 .took").click()
    page.keyboard.press("Escape")
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    name = page.evaluate("document.activeElement.id")

    go(page, 0.5)
    assert page.evaluate("document.activeElement.id") == name
    assert page.locator("#rows > [data-pinned]").count() == 1
    page.keyboard.press("ArrowDown")

    page.wait_for_function("(name) => document.activeElement.previousElementSibling?.id === name", arg=name)
    expect(page.locator("#rows > .row:focus")).to_be_in_viewport()


def test_keys_reach_both_ends_and_a_page_further(page: Page, run: GrowingRun):
    open_run(page, run)
    page.locator("#action-a0 .took").click()
    total = page.evaluate("document.querySelector('run-tree').rowWindow.total")
    for key, index in (
        ("PageDown", 11),
        ("PageDown", 21),
        ("End", total),
        ("PageUp", total - 10),
        ("Home", 1),
        ("End", total),
    ):
        page.keyboard.press(key)
        page.wait_for_function("(index) => Number(document.activeElement.ariaRowIndex) === index", arg=index)
        expect(page.locator("#rows > .row:focus")).to_be_in_viewport(ratio=0.9)


def test_left_goes_to_a_parent_that_is_far_above(page: Page, run: GrowingRun):
    """A branch in the middle of the run is in a group, whose row is above many others."""
    open_run(page, run)
    go(page, 0.5)
    branches = page.locator('#rows > .row[aria-level="3"]:not([data-pinned])')
    branch = row_of(page, str(branches.nth(1).get_attribute("id")).removeprefix("action-"))
    assert int(branch.get_attribute("aria-rowindex") or 0) > run.size // 2 - 100
    branch.locator(".took").click()
    page.keyboard.press("ArrowLeft")
    expect(branch).to_have_attribute("aria-expanded", "false")

    page.keyboard.press("ArrowLeft")
    group = page.locator("#rows > .group:focus")
    assert int(group.get_attribute("aria-rowindex") or 0) < run.size // 2
    page.keyboard.press("ArrowLeft")
    expect(group).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("ArrowLeft")

    expect(page.locator("#action-a0")).to_be_focused()
    expect(page.locator("#action-a0")).to_be_in_viewport()


def test_text_finds_what_it_means_among_all(page: Page, run: GrowingRun):
    open_run(page, run)
    page.keyboard.press("/")
    page.keyboard.type("m101.t7")
    expect(row_of(page, "m101.t7")).to_be_visible()
    # What matches, the branch, its group, and the root.
    expect(page.locator("#rows > .row")).to_have_count(4)
    expect(page.locator("#rows > [data-context]")).to_have_count(3)


def test_the_next_failure_is_a_key_away(page: Page, run: GrowingRun):
    open_run(page, run)
    indexes = []
    for _ in range(3):
        before = page.evaluate("document.activeElement.id")
        page.keyboard.press("f")
        page.wait_for_function(
            "(before) => document.activeElement.matches('.row') && document.activeElement.id !== before",
            arg=before,
        )
        row = page.locator("#rows > .row:focus")
        expect(row).to_have_attribute("data-phase", re.compile("failed|timed-out"))
        expect(row).to_be_in_viewport()
        indexes.append(int(row.get_attribute("aria-rowindex") or 0))
    assert indexes == sorted(set(indexes))


def test_the_whole_run_is_in_the_strip_above(page: Page, run: GrowingRun):
    open_run(page, run)

    expect(page.locator("run-minimap")).to_be_visible()
    expect(page.locator("run-minimap svg, run-minimap canvas").first).to_be_visible()


# --- while it grows -------------------------------------------------------------------------------------------------


def test_picked_rows_are_picked_still_after_a_long_way(page: Page, run: GrowingRun):
    run.order("above 30")
    open_run(page, run)
    boxes = page.locator(f"{LIVE_ROW} .pick > input")
    for number in (2, 4, 6):
        boxes.nth(number).click()
    names = page.evaluate("[...document.querySelector('run-tree').bulk.names]")
    assert len(names) == 3

    go(page, 0.9)
    expect(page.locator(".bulk [data-count]")).to_have_text("3")
    go(page, 0)

    for name in names:
        expect(row_of(page, name).locator(".pick > input")).to_be_checked()
    assert page.locator("#rows .pick > input:checked").count() == 3


@pytest.mark.parametrize("number", [7, 250])
def test_the_row_under_the_eye_stays_when_others_come_above(page: Page, run: GrowingRun, number: int):
    open_run(page, run)
    go(page, 0.3)
    name, top, index = page.evaluate(EYE)

    run.order(f"above {number}")

    page.wait_for_function(
        "([name, index]) => Number(document.getElementById(name)?.ariaRowIndex) >= index",
        arg=[name, index + number],
    )  # fmt: skip
    assert page.evaluate(EYE) == [name, top, index + number]


def test_rows_that_come_below_are_counted(page: Page, run: GrowingRun):
    open_run(page, run)

    run.order("below 12")

    more = page.locator("[data-more]")
    expect(more).to_have_text("12 more ↓")
    more.click()
    expect(page.locator("#rows > .row:focus")).to_have_attribute("data-phase", "running")
    expect(more).to_be_hidden()


def test_frames_cost_as_much_as_of_a_short_run_while_the_run_changes_ten_times_a_second(
    page: Page, big: Server, run: GrowingRun
):
    sizes = sizes_of_frames(page)
    with growing_run(big, FEW_ACTIONS, seconds=TELL_SECONDS) as other:
        usual = cost_of_changes(page, big, other, sizes)

    assert cost_of_changes(page, big, run, sizes) <= MOST_TIMES * usual


def test_a_page_without_scripts_shows_the_first_rows(browser: Browser, run: GrowingRun, tmp_path: Path):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(run.url)
    expect(page.locator("#rows > .row")).to_have_count(WINDOW_ROWS)
    context.close()
