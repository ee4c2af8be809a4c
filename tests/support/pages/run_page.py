"""The page of a run as tests use it: how it is opened, its rows, its dialog and its messages."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.support.pages.connected import until_connected
from tests.support.server.server import Server


def run_url(server: Server, run: str) -> str:
    return f"{server.url}/v2/domain/development/project/flytesnacks/runs/{run}"


def open_run(page: Page, server: Server, run: str, query: str = "") -> None:
    page.goto(run_url(server, run) + query)
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")


def row(page: Page, name: str) -> Locator:
    return page.locator(f"#action-{name}")


def dialog(page: Page) -> Locator:
    return page.locator("dialog[open]")


def toasts(page: Page) -> Locator:
    return page.locator("#toasts[role=status]")


def popover(page: Page) -> Locator:
    """The box in which a row's Abort asks, while it is open."""
    return page.locator("#abort-popover:popover-open")


def settle(page: Page) -> None:
    """The rows are those that the reader has seen: of such, Shift aborts one without asking."""
    page.evaluate("document.querySelector('run-tree').movedAt = -1e9")


def abort_row(page: Page, name: str, reason: str = "") -> None:
    """As who may want to give a reason: the row's Abort, and Enter in the box that it opens."""
    row(page, name).locator("[data-abort]").click()
    expect(popover(page).get_by_label("Reason")).to_be_focused()
    page.keyboard.type(reason)
    page.keyboard.press("Enter")
    expect(popover(page)).to_have_count(0)


def abort_row_at_once(page: Page, name: str) -> None:
    """As who is sure: Shift and a click."""
    settle(page)
    row(page, name).locator("[data-abort]").click(modifiers=["Shift"])


def expect_phase(page: Page, name: str, phase: str) -> None:
    expect(row(page, name)).to_have_attribute("data-phase", phase)


def open_ended_run(page: Page, url: str) -> None:
    page.goto(url)
    until_connected(page)
    expect(page.locator("#run-matches")).to_have_count(1)
