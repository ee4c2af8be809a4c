"""A dialog that could not be filled says so in its place and asks again; so does one whose answer is not known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.pages.run_page import open_run
from tests.support.pages.states import Places, State
from tests.support.server.commands import in_database
from tests.support.server.server import Server

SCENE = State("run", "{scene}")
FAULTS: dict[str, tuple[Callable[[Route], None], str]] = {
    "no answer": (lambda route: route.abort(), "did not answer"),
    "a proxy's page": (
        lambda route: route.fulfill(
            status=502, body="<h1>oops</h1>", headers={"x-request-id": "feed-cafe-2"}
        ),
        "feed-cafe-2",
    ),
}


def fail_once(page: Page, address: str, fault: Callable[[Route], None], method: str = "GET") -> None:
    faults = iter([fault])

    def answer(route: Route) -> None:
        done = next(faults, None) if route.request.method == method else None
        if done:
            done(route)
        else:
            route.fallback()

    page.route(address, answer)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("address", "button", "filled"),
    [
        ("**/runs/scene/abort?*", ".run-actions [data-abort]", "#abort-form"),
        ("**/a0-rows/signal", "#action-a0-rows [data-answer]", ".answer-form"),
    ],
)
def test_a_dialog_that_could_not_be_loaded_is_asked_for_again_in_place(
    still_page: Page, places: Places, fault: str, address: str, button: str, filled: str
):
    page, (fail, words) = still_page, FAULTS[fault]
    places.show(page, SCENE)
    fail_once(page, address, fail)

    page.locator(button).click()

    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text(words)
    expect(dialog).to_have_accessible_name("This did not work")
    expect(dialog).not_to_contain_text("oops")
    retry = dialog.get_by_role("button", name="Retry")
    expect(retry).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.locator(filled)).to_be_visible()
    expect(dialog.locator(".error-box")).to_have_count(0)


def test_an_abort_that_got_no_answer_is_sent_again_with_what_was_typed(failing_page: Page, server: Server):
    page = failing_page
    in_database(server, "from tests.support.showcase import make_everything as m; m('asked-twice')")
    open_run(page, server, "asked-twice")
    fail_once(page, "**/runs/asked-twice/abort", lambda route: route.abort(), "POST")
    page.locator(".run-actions [data-abort]").click()
    dialog = page.locator("dialog[open]")
    dialog.get_by_label("Reason").fill("wrong data, twice")

    dialog.locator("[type=submit]").click()
    expect(dialog).to_contain_text("it is not known whether this was done")
    dialog.get_by_role("button", name="Retry").click()

    expect(dialog).to_have_count(0)
    expect(page.locator(".run-actions [data-abort]")).to_be_disabled()
    found = server.query("SELECT count(*) AS number FROM runs_abort WHERE reason = 'wrong data, twice'")
    assert found[0]["number"] >= 1


def test_a_failed_dialog_can_be_closed(still_page: Page, places: Places):
    places.show(still_page, SCENE)
    fail_once(still_page, "**/a0-rows/signal", lambda route: route.abort())
    still_page.locator("#action-a0-rows [data-answer]").click()

    still_page.locator("dialog[open]").get_by_role("button", name="Close").click()

    expect(still_page.locator("dialog[open]")).to_have_count(0)
    expect(still_page.locator("#action-a0-rows")).to_be_focused()


def test_the_attempt_that_succeeded_leads_to_its_outputs(still_page: Page, places: Places):
    places.show(still_page, State("panel", "{ended}?action=m0.t7&tab=attempts"))
    cards = still_page.locator("#attempts > li")
    expect(cards).to_have_count(2)
    expect(cards.last.get_by_role("link", name="Outputs")).to_have_count(0)

    cards.first.get_by_role("link", name="Outputs").click()

    expect(still_page.locator("#outputs")).to_contain_text("checkpoint")
    expect(still_page.locator("#tab-outputs")).to_have_attribute("aria-selected", "true")
