"""Everything that can be done on the pages, done with the keyboard alone; the focus is never lost on the way.

Nothing here uses the mouse or sets the focus: `tab_to` presses Tab until it is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from runs.domain.phases import Phase
from tests.support.pages.connected import until_connected
from tests.support.pages.run_page import open_run, popover, run_url
from tests.support.pages.states import RUNS, Places
from tests.support.server.server import Server, wait_until

MOST = 80
# What was announced, in order: the next announcement may come before a test looks.
NOTE_ANNOUNCEMENTS = """
window.announced = [];
new MutationObserver((changes) => {
  for (const { target } of changes) if (target.role === "status") window.announced.push(target.textContent);
}).observe(document, { subtree: true, childList: true });
"""
HAS_FOCUS = "(one) => one === document.activeElement"


@pytest.fixture
def keys(page: Page) -> Iterator[Page]:
    """A page whose clipboard can be read, and in which the mouse does nothing."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.add_init_script(NOTE_ANNOUNCEMENTS)
    yield page
    assert page.evaluate("document.activeElement !== document.body"), "the focus was lost"


@pytest.fixture
def run(server: Server) -> Iterator[str]:
    """A run whose three children wait to be aborted."""
    run = server.submit("examples/external_abort.py", "main", "--n", "3", "--sleep_for", "3600")
    server.wait_running(run, "long_sleeper", 3)
    yield run
    server.abort(run)


def tab_to(page: Page, target: Locator, key: str = "Tab") -> None:
    for _ in range(MOST):
        page.keyboard.press(key)
        if target.evaluate(HAS_FOCUS):
            return
    raise AssertionError(f"{target} is not reached by {MOST} times {key}")


def expect_kept(page: Page) -> None:
    """The focus is on something that one can see."""
    page.wait_for_function(
        "() => document.activeElement !== document.body && document.activeElement.checkVisibility()"
    )


def row(page: Page, name: str) -> Locator:
    return page.locator(f"#action-{name}")


def test_from_the_list_into_a_run_and_back(keys: Page, server: Server, run: str):
    page = keys
    page.goto(server.url + RUNS)
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")

    page.keyboard.press("/")
    page.keyboard.type(run[:14])
    expect(page.locator("#runs tbody tr")).to_have_count(1)
    tab_to(page, page.get_by_role("checkbox", name="Running"))
    page.keyboard.press("Space")
    expect(page).to_have_url(re.compile("phase=running"))
    expect(page.get_by_role("checkbox", name="Running")).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator(f"#run-{run} th a")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(run_url(server, run))
    tab_to(page, page.locator(".crumbs > a"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    tab_to(page, page.locator(".scope summary").first)
    page.keyboard.press("Enter")
    expect(page.locator(".scope ul").first).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.locator(".scope ul").first).to_be_hidden()
    expect(page.locator(".scope summary").first).to_be_focused()


def test_the_keys_of_the_list_go_through_runs_and_are_listed(keys: Page, places: Places):
    page = keys
    page.goto(places.servers["busy"].url + RUNS)
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")
    links = page.locator("#runs tbody th a")

    page.keyboard.press("j")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("ArrowUp")
    expect(links.nth(0)).to_be_focused()

    page.keyboard.press("Shift+?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Next and previous run")
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(links.nth(0)).to_be_focused()


def test_picked_runs_are_aborted_from_the_list(keys: Page, server: Server, run: str):
    page = keys
    page.goto(f"{server.url}{RUNS}?q={run}&phase=running")
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")

    page.keyboard.press("j")
    page.keyboard.press("c")
    expect(page.get_by_role("dialog")).to_contain_text(run)
    page.keyboard.press("Escape")
    expect(page.locator(f"#run-{run} th a")).to_be_focused()
    page.keyboard.press("x")
    expect(page.get_by_role("toolbar")).to_contain_text("1 selected")
    tab_to(page, page.get_by_role("toolbar").get_by_role("button", name="Abort…"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Keep running")).to_be_focused()
    page.keyboard.press("Control+Enter")

    assert server.wait_ended(run) is Phase.ABORTED
    expect(page.locator(f"#run-{run}")).to_have_count(0)
    expect_kept(page)


def test_the_tree_the_panel_and_its_tabs(keys: Page, places: Places):
    page = keys
    page.goto(places.servers["busy"].url + places.paths["ended"])
    until_connected(page)
    root = row(page, "a0")

    tab_to(page, root)
    page.keyboard.press("ArrowDown")
    branch = page.locator("#rows .row:focus")
    name = (branch.get_attribute("id") or "").removeprefix("action-")
    page.keyboard.press("ArrowLeft")
    expect(row(page, name)).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("ArrowRight")
    expect(row(page, name)).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowRight")
    expect(row(page, name).locator(".pick")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(row(page, name).get_by_role("rowheader")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#rows .row:focus-within [role=rowheader]")).to_be_focused()
    page.keyboard.press("ArrowUp")

    page.keyboard.press("Enter")
    panel = page.locator("#panel")
    expect(panel).to_contain_text(name)
    expect(row(page, name)).to_have_attribute("aria-selected", "true")
    tab_to(page, panel.get_by_role("button", name="Copy action name"))
    page.keyboard.press("Enter")
    page.wait_for_function("() => window.announced.includes('Copied')")
    assert page.evaluate("navigator.clipboard.readText()") == name
    tab_to(page, panel.get_by_role("tab", name="Overview"))
    page.keyboard.press("End")
    last = panel.get_by_role("tab").last
    expect(last).to_be_focused()
    page.keyboard.press("Enter")
    expect(last).to_have_attribute("aria-selected", "true")
    expect(last).to_be_focused()

    page.keyboard.press("Escape")
    expect(page.locator("#panel-pane")).to_be_hidden()
    expect(row(page, name)).to_be_focused()


def test_an_abort_is_asked_for_kept_back_and_done(keys: Page, server: Server, run: str):
    page = keys
    victim = server.named(run, "long_sleeper")[1]["name"]
    open_run(page, server, run)

    tab_to(page, row(page, "a0"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(row(page, victim)).to_be_focused()
    page.keyboard.press("c")
    expect(popover(page).get_by_label("Reason")).to_be_focused()
    tab_to(page, popover(page).get_by_role("button", name="Keep running"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(row(page, victim)).to_be_focused()
    page.keyboard.press("c")
    expect(popover(page).get_by_label("Reason")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(row(page, victim)).to_be_focused()
    page.keyboard.press("c")
    page.keyboard.type("by keyboard")
    page.keyboard.press("Enter")

    expect(row(page, victim)).to_have_attribute("data-phase", "aborted")
    expect(row(page, victim)).to_be_focused()
    assert server.actions(run)[victim]["reason"] == "by keyboard"


def test_the_whole_run_is_aborted_from_its_header(keys: Page, server: Server, run: str):
    page = keys
    open_run(page, server, run)

    tab_to(page, page.get_by_role("button", name="Abort run…"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Keep running")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Abort run…")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Keep running")).to_be_focused()
    page.keyboard.press("Control+Enter")

    # The button is there no more: what is beside it has the focus.
    expect(row(page, "a0")).to_have_attribute("data-phase", "aborted")
    expect(page.locator(".run-actions [data-abort]")).to_have_count(0)
    expect_kept(page)
    expect(page.locator("#run-header :focus")).to_have_count(1)


def test_rows_are_picked_and_aborted_together(keys: Page, server: Server, run: str):
    page = keys
    names = [action["name"] for action in server.named(run, "long_sleeper")]
    open_run(page, server, run)

    tab_to(page, row(page, "a0"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.get_by_role("toolbar", name="Selected actions")).to_contain_text("2 selected")
    page.keyboard.press("c")
    expect(page.get_by_role("dialog")).to_contain_text("Abort 2 selected actions?")
    page.keyboard.press("Control+Enter")

    for name in names[:2]:
        expect(row(page, name)).to_have_attribute("data-phase", "aborted")
    expect(page.get_by_role("toolbar", name="Selected actions")).to_be_hidden()
    expect(row(page, names[1])).to_be_focused()
    assert server.phase(run, names[2]) is Phase.RUNNING


def test_a_cell_asks_for_its_row(keys: Page, server: Server, run: str):
    page = keys
    victim = server.named(run, "long_sleeper")[0]["name"]
    open_run(page, server, run)

    tab_to(page, row(page, "a0"))
    page.keyboard.press("ArrowDown")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    expect(row(page, victim).locator(".act")).to_be_focused()
    page.keyboard.press("Enter")
    expect(popover(page).get_by_label("Reason")).to_be_focused()
    page.keyboard.press("Enter")

    expect(row(page, victim)).to_have_attribute("data-phase", "aborted")
    expect(page.locator(f"#action-{victim}:focus-within, #action-{victim}:focus")).to_have_count(1)


def test_a_condition_is_answered(keys: Page, server: Server):
    page = keys
    run = server.submit("tests/workflows/waiting.py", "asks_plainly", "--seconds", "3600")
    wait_until(
        lambda: Phase.PAUSED in {Phase(one["phase"]) for one in server.actions(run).values()}, "it asks"
    )
    open_run(page, server, run)

    tab_to(page, row(page, "a0"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    field = page.locator("#panel").get_by_role("textbox", name="Value")
    expect(field).to_be_visible()
    tab_to(page, field)
    page.keyboard.type("3")
    page.keyboard.press("Enter")

    expect(page.locator("#panel")).to_contain_text("Answered")
    expect_kept(page)
    expect(page.locator("#panel-pane :focus")).to_have_count(1)
    server.wait_ended(run)


def test_an_executor_is_drained_and_the_theme_switched(keys: Page, server: Server, run: str):
    page = keys
    page.goto(f"{server.url}/executors/")
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")

    tab_to(page, page.get_by_role("button", name="Switch between light and dark"))
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", re.compile("dark|light"))
    expect(page.get_by_role("button", name="Switch between light and dark")).to_be_focused()
    held_by = server.actions(run)["a0"]["executor_id"]
    drain = page.get_by_role("button", name=f"Drain executor {held_by[:8]}")
    tab_to(page, drain)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator(f"[id^='executor-{held_by[:8]}'] .state")).to_contain_text("Draining")
    expect(drain).to_have_count(0)
    expect_kept(page)


def test_tab_goes_round_in_a_dialog_and_not_behind_it(keys: Page, places: Places):
    page = keys
    page.goto(places.servers["busy"].url + places.paths["scene"])
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")

    tab_to(page, page.get_by_role("button", name="Keys"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    for _ in range(8):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Keys")).to_be_focused()


def test_the_skip_link_leads_past_the_bar(keys: Page, places: Places, browser: Browser):
    page = keys
    page.goto(places.servers["busy"].url + RUNS)

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Search runs")).to_be_focused()
