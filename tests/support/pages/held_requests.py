"""Requests that a test keeps from the server, to see what a page shows meanwhile."""

from __future__ import annotations

from playwright.sync_api import Page, Route

from tests.support.server.server import wait_until


def hold(page: Page, address: str) -> list[Route]:
    """Keep requests to this address back until the test lets them go; they are in the list, in their order."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route(address, keep)
    return held


def until_held(page: Page, held: list[Route], count: int = 1) -> None:
    """Playwright hears of requests only while it is asked something."""
    wait_until(lambda: page.evaluate("1") and len(held) >= count, "the server is asked")
