"""The panel is there at once, from what the page knows, while the server has not answered; and what a late answer does to a dialog."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.pages.held_requests import hold, until_held
from tests.support.pages.run_page import dialog, expect_phase, open_run, row
from tests.support.pages.states import Places, State
from tests.support.server.commands import in_database
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e

SCENE = State("run", "{scene}")
# In one task of the page: nothing that a server sends can come in between.
SELECT = """(name) => {
  document.querySelector(`#action-${name} a.label`).click();
  const panel = document.getElementById("panel");
  return { name: panel.dataset.name, seen: panel.innerText, hidden: panel.parentElement.hidden,
           aborts: [...panel.querySelectorAll("[data-abort]")].map((one) => one.dataset.abort),
           tabs: panel.querySelector("[role=tablist]").inert };
}"""


def test_another_row_never_shows_the_panel_of_the_one_before(page: Page, places: Places):
    places.show(page, State("run", "{scene}?action=a0-trial0"))
    expect(page.locator("#panel [data-abort='a0-trial0']")).to_be_visible()
    held = hold(page, "**/actions/a0-reviewed*")

    shown = page.evaluate(SELECT, "a0-reviewed")

    assert shown["name"] == "a0-reviewed"
    assert "Loading…" in shown["seen"]
    assert "Succeeded" in shown["seen"]
    assert "trial0" not in shown["seen"]
    assert shown["aborts"] == []
    assert shown["tabs"] is True
    until_held(page, held)
    held[0].continue_()
    page.unroute("**/actions/a0-reviewed*")
    panel = page.locator("#panel")
    expect(panel).to_contain_text("Answered")
    expect(panel).not_to_contain_text("Loading…")
    page.locator("#tab-events").click()
    expect(page.locator("#events li").first).to_be_visible()
    expect(panel).to_have_attribute("data-name", "a0-reviewed")


def test_the_first_panel_of_a_page_is_there_at_once(page: Page, places: Places):
    places.show(page, SCENE)
    held = hold(page, "**/actions/a0-trial0*")

    shown = page.evaluate(SELECT, "a0-trial0")

    assert (shown["name"], shown["hidden"]) == ("a0-trial0", False)
    assert "trial" in shown["seen"]
    until_held(page, held)
    page.locator("#panel [data-close-panel]").click()
    expect(page.locator("#panel-pane")).to_be_hidden()
    held[0].continue_()


def test_a_panel_that_cannot_be_loaded_waits_for_nothing(failing_page: Page, places: Places):
    page = failing_page
    places.show(page, State("run", "{scene}?action=a0-trial0"))
    page.route("**/actions/a0-reviewed*", lambda route: route.abort())

    row(page, "a0-reviewed").locator("a.label").click()

    expect(page.locator("#panel-pane [data-failed]")).to_be_visible()
    expect(page.locator("#panel-pane")).not_to_contain_text("Loading…")
    expect(page.locator("#panel-pane")).not_to_contain_text("trial0")
    page.unroute("**/actions/a0-reviewed*")
    page.locator("#panel-pane [data-retry]").click()
    expect(page.locator("#panel")).to_contain_text("Answered")


def test_a_key_that_comes_before_the_form_sends_it(page: Page, server: Server):
    in_database(server, "from tests.support.showcase import make_everything as m; m('hasty')")
    open_run(page, server, "hasty")
    held = hold(page, "**/hasty/abort?*")

    page.locator("#rows > .group [data-abort-group]").click()
    page.keyboard.press("Control+Enter")
    until_held(page, held)
    held[0].continue_()

    expect(dialog(page)).to_have_count(0)
    expect_phase(page, "a0-waiting", "aborted")


def test_what_comes_after_a_dialog_was_closed_is_not_shown_in_the_next_one(page: Page, server: Server):
    in_database(server, "from tests.support.showcase import make_everything as m; m('closed')")
    open_run(page, server, "closed")
    held = hold(page, "**/closed/abort?*")

    page.locator(".run-actions [data-abort]").click()
    dialog(page).get_by_role("button", name="Keep running").click()
    page.locator("#rows > .group [data-abort-group]").click()
    until_held(page, held, 2)
    held[1].continue_()
    expect(dialog(page)).to_contain_text("Abort the group trials under a0?")
    expect(dialog(page)).to_contain_text("running: cancelled")
    with page.expect_response("**/closed/abort?*"):
        held[0].continue_()

    expect(dialog(page)).to_contain_text("Abort the group trials under a0?")
