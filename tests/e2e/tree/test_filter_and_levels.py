"""The run page's filter, levels and keys, on finished runs."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.pages.run_page import open_ended_run, run_url
from tests.support.pages.socket import Wire
from tests.support.server.commands import make_demo, performing
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e

TOTAL = 1 + 12 + 12 * 20
NEWEST_IS_IN_VIEW_FAR_DOWN = """() => {
  const tree = document.querySelector(".tree");
  const row = document.getElementById("action-" + document.getElementById("run-summary").dataset.newest);
  if (!row || tree.scrollTop < 200) return false;
  const [seen, place] = [tree.getBoundingClientRect(), row.getBoundingClientRect()];
  return row.dataset.phase === "running" && place.top >= seen.top && place.bottom <= seen.bottom + 1;
}"""


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    """The page of a run with 12 branches of 20 leaves."""
    return server.url + make_demo(server, "12x20")


def count(page: Page, number: int) -> None:
    expect(page.locator(".tree")).to_have_attribute("aria-rowcount", str(number))


def chip(page: Page, look: str) -> Locator:
    return page.locator(f"button.status-chip[value='{look}']")


def number_of(page: Page, look: str) -> int:
    return int(chip(page, look).locator("b").inner_text())


def test_text_filters_and_the_address_remembers(page: Page, url: str):
    open_ended_run(page, f"{url}?action=a0")

    page.locator("#action-a0").focus()
    page.keyboard.press("/")
    field = page.get_by_role("searchbox", name="Filter actions")
    expect(field).to_be_focused()
    page.keyboard.type("nothing like it")

    expect(page.locator("#no-match")).to_contain_text("No action matches: “nothing like it”.")
    expect(page.locator("#rows .row")).to_have_count(0)
    expect(field).to_have_value("nothing like it")
    assert "action=a0" in page.url
    assert "q=nothing+like+it" in page.url
    count(page, 0)

    page.keyboard.press("Escape")
    expect(page.locator("#no-match")).to_be_hidden()
    count(page, TOTAL)
    assert page.url == f"{url}?action=a0"


def test_chips_filter_together_and_what_leads_there_is_dimmed(page: Page, url: str):
    open_ended_run(page, url)
    failed, aborted = number_of(page, "failed"), number_of(page, "aborted")

    chip(page, "failed").click()
    expect(chip(page, "failed")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#run-matches")).to_contain_text(f"{failed} of {TOTAL} match")
    chip(page, "aborted").click()
    expect(page.locator("#run-matches")).to_contain_text(f"{failed + aborted} of {TOTAL} match")

    rows = page.locator("#rows .row")
    context = page.locator("#rows .row[data-context]").count()
    assert rows.count() == failed + aborted + context
    assert page.url.endswith("?look=failed&look=aborted")
    looks = {row.get_attribute("data-phase") for row in page.locator("#rows .row:not([data-context])").all()}
    assert looks == {"failed", "aborted"}

    page.reload()
    expect(chip(page, "aborted")).to_have_attribute("aria-pressed", "true")
    expect(rows).to_have_count(failed + aborted + context)

    chip(page, "aborted").click()
    expect(page.locator("#run-matches")).to_contain_text(f"{failed} of {TOTAL} match")
    page.get_by_role("link", name="Clear", exact=True).click()
    count(page, TOTAL)
    expect(chip(page, "failed")).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_a_filter_outlives_a_cut_connection(page: Page, url: str):
    wire = Wire(page)
    open_ended_run(page, url)

    wire.cut()
    page.evaluate("document.querySelector('button.status-chip[value=failed]').click()")

    expect(page.locator("#run-matches")).to_contain_text(f"of {TOTAL} match")
    expect(chip(page, "failed")).to_have_attribute("aria-pressed", "true")
    looks = [hello["looks"] for hello in wire.hellos]
    assert (looks[0], looks[-1]) == ([], ["failed"])


def test_what_is_asked_without_a_connection_is_shown_with_the_next_one(page: Page, url: str):
    wire = Wire(page)
    wire.is_open = False
    page.goto(url)
    expect(page.locator("connection-status")).to_have_attribute("data-state", "reconnecting")
    page.keyboard.press("2")
    wire.is_open = True

    count(page, 1 + 12)


def test_the_filter_works_without_scripts(browser: Browser, url: str):
    context = browser.new_context(java_script_enabled=False)
    shown = context.new_page()
    shown.goto(f"{url}?action=a0")

    shown.get_by_role("searchbox").fill("a0")
    shown.keyboard.press("Enter")
    expect(shown.get_by_role("searchbox")).to_have_value("a0")
    chip(shown, "failed").click()
    expect(chip(shown, "failed")).to_have_attribute("aria-pressed", "true")
    chip(shown, "aborted").click()

    expect(chip(shown, "aborted")).to_have_attribute("aria-pressed", "true")
    for part in ("action=a0", "q=a0", "look=failed", "look=aborted"):
        assert part in shown.url
    context.close()


def test_levels_open_and_close_with_keys_and_buttons(page: Page, url: str):
    open_ended_run(page, url)

    page.keyboard.press("w")
    count(page, 13)
    page.keyboard.press("1")
    count(page, 1)
    page.keyboard.press("2")
    count(page, 13)

    branch = page.locator("#rows .row[aria-expanded='false']").first
    branch.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#rows .row[aria-expanded='true']")).to_have_count(2)
    count(page, 33)
    page.keyboard.press("*")
    count(page, TOTAL)

    page.get_by_role("button", name="Collapse all").click()
    count(page, 13)
    page.get_by_role("button", name="Expand all").click()
    count(page, TOTAL)


def test_levels_change_while_the_last_rows_are_loaded(page: Page, server: Server):
    url = server.url + make_demo(server, "15x10x3")
    open_ended_run(page, url)
    page.locator("#action-a0").focus()
    page.keyboard.press("End")
    expect(page.locator("#rows .row").last).to_have_attribute("aria-rowindex", "616")

    page.keyboard.press("w")
    count(page, 16)
    page.keyboard.press("e")
    count(page, 616)

    last = page.locator("#rows .row:focus")
    expect(last).to_be_in_viewport()
    page.keyboard.press("Home")
    expect(page.locator("#action-a0")).to_be_focused()


def test_the_sheet_lists_the_keys_and_turns_them_off(page: Page, url: str):
    open_ended_run(page, url)
    page.keyboard.press("Shift+?")
    sheet = page.get_by_role("dialog", name="Keys")
    expect(sheet).to_be_visible()

    page.keyboard.press("w")
    sheet.get_by_role("checkbox").uncheck()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.keyboard.press("w")
    page.keyboard.press("1")
    page.get_by_role("button", name="Keys").click()
    sheet.get_by_role("checkbox").check()
    sheet.get_by_role("button", name="Close").click()
    count(page, TOTAL)

    page.get_by_role("searchbox").fill("")
    page.keyboard.type("w1f?")
    expect(page.get_by_role("searchbox")).to_have_value("w1f?")
    expect(page.locator("#no-match")).to_contain_text("“w1f?”")
    expect(sheet).to_be_hidden()


def test_a_key_shows_only_failures(page: Page, url: str):
    open_ended_run(page, url)
    failed = number_of(page, "failed")

    page.keyboard.press("x")
    expect(page.locator("#run-matches")).to_contain_text(f"{failed} of {TOTAL} match")
    page.keyboard.press("x")
    count(page, TOTAL)
    expect(page.locator("#run-matches")).to_be_empty()


def move_into_the_tree(page: Page) -> None:
    box = page.locator("run-tree .tree").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_following_keeps_the_newest_running_action_in_view_until_one_moves(page: Page, server: Server):
    with performing(server, "30x10x4", seconds=300) as (_, run):
        page.goto(run_url(server, run))
        follow = page.get_by_role("button", name="Follow the newest running action")
        page.keyboard.press("l")
        expect(follow).to_have_attribute("aria-pressed", "true")

        page.wait_for_function(NEWEST_IS_IN_VIEW_FAR_DOWN)
        move_into_the_tree(page)  # not to a row: they move
        page.mouse.wheel(0, -100)
        expect(follow).to_have_attribute("aria-pressed", "false")
