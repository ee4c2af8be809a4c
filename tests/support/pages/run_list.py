"""The list of runs, and any other page with a connection: where it is, and how it is opened."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.support.server.server import Server


def runs_url(server: Server, query: str = "") -> str:
    return f"{server.url}/v2/domain/development/project/flytesnacks/runs{query}"


def open_page(page: Page, url: str) -> None:
    page.goto(url)
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")
