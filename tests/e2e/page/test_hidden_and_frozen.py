"""Pages that nobody looks at: in a hidden tab, frozen, or kept by the browser for Back; and what they show on return.

Playwright lets every page believe that somebody looks at it, and turns the back/forward cache off. These tests use a
Chromium that is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from runs.domain.phases import Phase
from tests.browser import LAUNCH_ARGS, find_chromium
from tests.support.pages.connected import until_connected
from tests.support.pages.fresh import expect_still, until_as_fresh
from tests.support.pages.run_list import open_page, runs_url
from tests.support.pages.run_page import open_run, run_url
from tests.support.server.server import Server, free_port

pytestmark = pytest.mark.e2e

STATUS = "connection-status"
KEPT = "() => { window.isKept = true; addEventListener('pageshow', (event) => { window.isBack = event.persisted; }); }"


@pytest.fixture(scope="module")
def plain_browser(browser: Browser) -> Iterator[Browser]:
    """A Chromium in which tabs are hidden and pages are kept, as its users have it."""
    port = free_port()
    launched = browser.browser_type.launch(
        executable_path=find_chromium(),
        args=[*LAUNCH_ARGS, f"--remote-debugging-port={port}"],
        ignore_default_args=["--disable-back-forward-cache"],
    )
    plain = browser.browser_type.connect_over_cdp(f"http://127.0.0.1:{port}", no_defaults=True)
    yield plain
    plain.close()
    launched.close()


@pytest.fixture
def tab(plain_browser: Browser) -> Iterator[Page]:
    """A tab of it; errors of its scripts fail the test."""
    page = plain_browser.contexts[0].new_page()
    page.set_viewport_size({"width": 1280, "height": 800})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert errors == []


@pytest.fixture
def run(server: Server) -> str:
    """A run whose parent ends well when its three children have been stopped."""
    run = server.submit("examples/external_abort.py", "main", "--n", "3", "--sleep_for", "3600")
    server.wait_running(run, "long_sleeper", 3)
    return run


def set_state(page: Page, state: str) -> None:
    """What Chromium does to a tab that has been in the background for long: it is hidden, and no timer runs."""
    session = page.context.new_cdp_session(page)
    session.send("Page.setWebLifecycleState", {"state": state})
    session.detach()


def look_at(page: Page) -> None:
    """Come to this tab from another one: without one, Chromium thinks that nothing has changed."""
    other = page.context.new_page()
    other.bring_to_front()
    page.bring_to_front()
    other.close()


def wake(page: Page) -> None:
    set_state(page, "active")
    look_at(page)


def end(server: Server, run: str) -> None:
    for one in server.named(run, "long_sleeper"):
        server.abort(run, one["name"])
    server.wait_all_ended(run)
    assert server.phase(run) is Phase.SUCCEEDED


def test_a_hidden_tab_has_no_connection_and_says_so(tab: Page, server: Server, run: str):
    open_run(tab, server, run)

    set_state(tab, "frozen")
    set_state(tab, "active")  # it runs again, and is hidden still

    expect(tab.locator(STATUS)).to_have_attribute("data-state", "paused")
    expect(tab.locator(STATUS)).to_have_text("Paused")
    closed = "document.querySelector('run-tree').connection.socket.readyState === WebSocket.CLOSED"
    tab.wait_for_function(f"() => {closed}")
    assert tab.evaluate("document.querySelector('live-clock').frozenAt") > 0
    look_at(tab)
    expect(tab.locator(STATUS)).to_have_attribute("data-state", "live")
    expect(tab.locator(".connection-banner")).to_have_count(0)
    server.abort(run)


def test_a_page_that_slept_through_the_end_of_its_run_shows_what_a_fresh_one_shows(
    tab: Page, browser: Browser, server: Server, run: str
):
    selected = server.named(run, "long_sleeper")[1]["name"]
    open_run(tab, server, run, f"?action={selected}")
    expect(tab.locator(f"#panel[data-name='{selected}']")).to_be_visible()

    set_state(tab, "frozen")
    end(server, run)
    wake(tab)

    expect(tab.locator(STATUS)).to_have_attribute("data-state", "ended")
    expect(tab.locator(STATUS)).to_have_text("Ended")
    until_as_fresh(tab, browser)
    expect_still(tab)
    expect(tab.locator(f"#action-{selected}")).to_have_attribute("data-phase", "aborted")
    expect(tab.locator(f"#panel[data-name='{selected}']")).to_contain_text("Aborted")


def test_a_page_that_comes_back_with_back_shows_what_a_fresh_one_shows(
    tab: Page, browser: Browser, server: Server, run: str
):
    open_run(tab, server, run)
    tab.evaluate(KEPT)
    tab.locator("header .brand").click()
    expect(tab.locator(f"#run-{run}")).to_be_visible()

    end(server, run)
    tab.evaluate("() => history.back()")

    expect(tab).to_have_url(run_url(server, run))
    tab.wait_for_function(
        "() => window.isKept && window.isBack"
    )  # the same document: it was not loaded again
    expect(tab.locator(STATUS)).to_have_attribute("data-state", "ended")
    until_connected(tab)
    until_as_fresh(tab, browser)
    expect_still(tab)


@pytest.mark.parametrize("how", ["asleep", "in the cache"])
def test_the_list_of_runs_shows_what_came_and_ended_meanwhile(tab: Page, server: Server, run: str, how: str):
    open_page(tab, runs_url(server))
    expect(tab.locator(f"#run-{run}")).to_have_attribute("data-phase", "running")
    tab.evaluate(KEPT)
    if how == "asleep":
        set_state(tab, "frozen")
    else:
        tab.goto(f"{server.url}/executors/")

    end(server, run)
    other = server.submit("tests/workflows/printing.py", "main")
    server.wait_ended(other)
    if how == "asleep":
        wake(tab)
    else:
        tab.evaluate("() => history.back()")

    expect(tab.locator(f"#run-{run}")).to_have_attribute("data-phase", "succeeded")
    expect(tab.locator(f"#run-{other}")).to_have_attribute("data-phase", "succeeded")
    expect(tab.locator(STATUS)).to_have_attribute("data-state", "live")
    assert tab.evaluate("window.isKept")
