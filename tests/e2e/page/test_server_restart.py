"""The web process ends and another one starts at its port, while somebody is in the middle of something."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.pages.connected import until_connected
from tests.support.pages.fresh import until_as_fresh
from tests.support.pages.states import RUNS
from tests.support.server.commands import make_demo, manage
from tests.support.server.parts import Parts, kill
from tests.support.server.server import wait_until

pytestmark = pytest.mark.e2e

BACK = 40_000  # the next try of a page, and then what a loaded machine takes
STATUS = "connection-status"
# What is the reader's: nothing of it is in the database.
PLACE = """() => {
  const tree = document.querySelector("run-tree");
  const rows = [...document.querySelectorAll("#rows > .row:not([data-pinned])")];
  const top = tree.grid.getBoundingClientRect().top;
  const first = rows.find((row) => row.getBoundingClientRect().bottom > top + 40);
  return {
    top: tree.grid.scrollTop,
    first: first.id,
    closed: rows.filter((row) => row.ariaExpanded === "false").map((row) => row.id),
    selected: tree.selected,
    picked: [...tree.bulk.names],
    text: document.querySelector("run-filter input[type=search]").value,
    pressed: [...document.querySelectorAll("run-filter [aria-pressed=true]")].map((one) => one.value),
    focus: document.activeElement.id,
    panel: document.getElementById("panel").dataset.name,
    search: location.search,
  };
}"""
AT_THE_END = """() => [...document.querySelectorAll("#rows > .row:not([data-pinned])")].at(-1).ariaRowIndex
  === document.querySelector(".tree").getAttribute("aria-rowcount")"""
MARK = "() => { window.isSame = true; }"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    parts = Parts(tmp_path_factory.mktemp("restart")).start()
    yield parts
    parts.stop()


@pytest.fixture(scope="module")
def long_run(parts: Parts) -> str:
    """The address of a run of 661 actions that has ended."""
    return parts.url + make_demo(parts, "20x8x3")


def stop_web(parts: Parts) -> None:
    assert parts.web is not None
    parts.web.terminate()
    parts.web.wait(20)


def kill_web(parts: Parts) -> None:
    assert parts.web is not None
    kill(parts.web.pid)
    parts.web.wait(20)


def start_web(parts: Parts) -> None:
    parts.start_web()
    wait_until(parts.is_ready, "the server is ready again")


def expect_lost(*pages: Page) -> None:
    for page in pages:
        expect(page.locator(STATUS)).to_have_attribute("data-state", "reconnecting", timeout=BACK)


@pytest.mark.parametrize("stop", [stop_web, kill_web])
def test_a_reader_of_a_long_run_stays_where_he_was_and_sees_the_truth(
    failing_page: Page, browser: Browser, parts: Parts, long_run: str, stop
):
    page = failing_page
    page.goto(long_run)
    until_connected(page)
    page.get_by_role("searchbox", name="Filter actions").fill("m1")
    expect(page.locator("#run-matches")).to_contain_text("match")
    page.evaluate("() => document.querySelector('.tree').scrollTo(0, 1e6)")
    page.wait_for_function(AT_THE_END)
    branch = page.locator("#rows > .row[aria-expanded=true][aria-level='2']").last
    name = branch.get_attribute("id")
    branch.locator(".twist").click()
    expect(page.locator(f"[id='{name}'][aria-expanded=false]")).to_have_count(1)
    page.locator("#rows > .row[aria-level='4'] a.label").last.click()
    expect(page.locator("#panel")).to_be_visible()
    before = page.evaluate(PLACE)
    assert before["top"] > 500
    assert before["closed"]
    assert before["selected"]
    assert before["text"] == "m1"
    page.evaluate(MARK)

    stop(parts)
    expect_lost(page)
    start_web(parts)

    expect(page.locator(STATUS)).to_have_attribute("data-state", "ended", timeout=BACK)
    until_as_fresh(page, browser)
    assert page.evaluate(PLACE) == before
    assert page.evaluate("window.isSame"), "it was not loaded again"


def test_what_was_asked_of_the_server_while_it_was_away_is_shown_and_nothing_is_lost(
    failing_page: Page, browser: Browser, parts: Parts
):
    """An abort meanwhile (kept by the command without a server), a chip that is pressed meanwhile, and a pick."""
    page = failing_page
    run = parts.submit("examples/external_abort.py", "main", "--n", "3", "--sleep_for", "3600")
    names = parts.wait_running(run, "long_sleeper", 3)
    page.goto(f"{parts.url}{RUNS}/{run}?action={names[0]}")
    expect(page.locator(STATUS)).to_have_attribute("data-state", "live")
    page.locator(f"#action-{names[2]}").get_by_role("checkbox").check()

    stop_web(parts)
    expect_lost(page)
    assert "No server listens" in manage(parts, "abort", run, names[0], "--reason", "nobody was there")
    page.evaluate("() => document.querySelector('button.status-chip[value=running]').click()")
    start_web(parts)

    expect(page.locator(STATUS)).to_have_attribute("data-state", "live", timeout=BACK)
    expect(page.locator("#run-matches")).to_contain_text("3 of 4 match")
    expect(page.locator(f"#action-{names[0]}")).to_have_count(0)
    expect(page.locator("#panel")).to_contain_text("nobody was there")
    expect(page.get_by_role("toolbar", name="Selected actions")).to_contain_text("1 selected")
    expect(page.locator(f"#action-{names[2]}").get_by_role("checkbox")).to_be_checked()
    until_as_fresh(page, browser)
    parts.abort(run)


def test_the_list_of_runs_and_the_executors_come_back_with_filter_and_picks_and_the_truth(
    failing_page: Page, parts: Parts
):
    runs, executors = failing_page, failing_page.context.new_page()
    started = [
        parts.submit("examples/external_abort.py", "main", "--n", "1", "--sleep_for", "3600") for _ in "12"
    ]
    for run in started:
        parts.wait_running(run, "long_sleeper", 1)
    runs.goto(f"{parts.url}{RUNS}?phase=running&task=main")
    executors.goto(f"{parts.url}/executors/")
    for page in (runs, executors):
        expect(page.locator(STATUS)).to_have_attribute("data-state", "live")
        page.evaluate(MARK)
    runs.locator(f"#run-{started[0]} .pick input").check()
    expect(executors.locator(".executor-table .holds").first).to_contain_text("of")

    stop_web(parts)
    expect_lost(runs, executors)
    manage(parts, "abort", started[1])
    start_web(parts)

    for page in (runs, executors):
        expect(page.locator(STATUS)).to_have_attribute("data-state", "live", timeout=BACK)
        assert page.evaluate("window.isSame")
    expect(runs.locator(f"#run-{started[1]}")).to_have_count(0)
    expect(runs.locator(f"#run-{started[0]} .pick input")).to_be_checked()
    expect(runs.locator(".bulk")).to_contain_text("1 selected")
    expect(runs.get_by_role("checkbox", name="Running")).to_be_checked()
    held = executors.locator(".executor-table .holds", has_text=started[0])
    expect(held).to_have_count(1)
    expect(held).not_to_contain_text(started[1])
    parts.abort(started[0])
    expect(runs.locator(f"#run-{started[0]}")).to_have_count(0)
    expect(executors.locator(".executor-table .holds", has_text=started[0])).to_have_count(0)
