"""The panel of an action: its tabs, what fails to load, and reports, which are strangers' pages."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.pages.run_page import open_ended_run, run_url
from tests.support.server.commands import make_demo
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    return server.url + make_demo(server, "3x4")


def test_arrows_move_between_tabs_and_enter_opens_one(page: Page, url: str):
    open_ended_run(page, f"{url}?action=a0")
    page.locator("#tab-overview").focus()

    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-outputs")).to_be_focused()
    expect(page.locator("#panel")).to_have_attribute("data-tab", "overview")
    page.keyboard.press("Enter")

    expect(page.locator("#panel")).to_have_attribute("data-tab", "outputs")
    expect(page.locator("#tab-outputs")).to_be_focused()
    expect(page.locator("[role=tab][aria-selected=true]")).to_have_text("Outputs")
    expect(page.locator("[role=tab][tabindex='0']")).to_have_count(1)
    expect(page.get_by_role("tabpanel", name="Outputs")).to_be_visible()
    assert page.url.endswith("?action=a0&tab=outputs")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("[role=tab]").last).to_be_focused()


def test_every_tab_can_be_reached_on_a_narrow_screen(page: Page, url: str):
    page.set_viewport_size({"width": 320, "height": 640})
    open_ended_run(page, f"{url}?action=a0&tab=events")

    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.locator("#tab-events").focus()
    page.keyboard.press("End")
    expect(page.locator("[role=tab]").last).to_be_in_viewport(ratio=0.9)


def test_without_scripts_a_tab_is_a_link(browser: Browser, url: str):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{url}?action=a0")

    page.locator("#tab-events").click()

    expect(page.locator("#events li").first).to_be_visible()
    expect(page.locator("#tab-events")).to_have_attribute("aria-selected", "true")
    context.close()


def test_a_part_that_fails_says_so_in_place_and_can_be_tried_again(failing_page: Page, url: str):
    page = failing_page
    open_ended_run(page, f"{url}?action=a0")
    failures = iter(["feed-cafe-1"])

    def fail_first(route: Route) -> None:
        request_id = next(failures, None)
        if request_id:
            route.fulfill(status=500, body="<h1>oops</h1>", headers={"x-request-id": request_id})
        else:
            route.continue_()

    page.route("**/actions/a0?tab=events*", fail_first)
    page.locator("#tab-events").click()

    box = page.locator("#panel-pane [data-failed]")
    expect(box).to_contain_text("could not make this part")
    expect(box).to_contain_text("feed-cafe-1")
    expect(page.locator("#panel")).not_to_contain_text("oops")
    expect(page.locator("#overview")).to_be_visible()
    box.get_by_role("button", name="Retry").click()
    expect(page.locator("#events li").first).to_be_visible()
    expect(box).to_have_count(0)


def test_no_answer_is_told_too(failing_page: Page, url: str):
    page = failing_page
    open_ended_run(page, f"{url}?action=a0")
    page.route("**/actions/a0?tab=events*", lambda route: route.abort())

    page.locator("#tab-events").click()

    expect(page.locator("#panel-pane [data-failed]")).to_contain_text("did not answer")


def test_an_action_that_is_gone_is_told_in_the_words_of_the_server(failing_page: Page, url: str):
    page = failing_page
    open_ended_run(page, f"{url}?action=a0")
    page.route(
        "**/actions/a0?tab=events*",
        lambda route: route.continue_(url=route.request.url.replace("/a0?", "/gone?")),
    )

    page.locator("#tab-events").click()

    expect(page.locator("#panel-pane [data-failed]")).to_contain_text("'gone' does not exist")


def test_a_report_runs_its_script_and_reaches_nothing(failing_page: Page, server: Server):
    page = failing_page
    run = server.submit("tests/workflows/reporting.py", "main")
    server.wait_ended(run)

    page.goto(run_url(server, run) + "?action=a0")
    page.get_by_role("tab", name="Report").click()

    frame = page.frame_locator("iframe[title^='Report']")
    expect(frame.locator("h1", has_text="Loss by epoch")).to_be_visible()
    verdict = frame.locator("#verdict")
    expect(verdict).to_contain_text("fetch")
    expect(verdict).to_have_text(
        "script ran, parent refused, cookies refused, storage refused, top refused, fetch refused"
    )
    assert page.url.endswith("?action=a0&tab=report")
