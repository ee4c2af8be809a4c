"""Wait for the socket of a page: a run that ended says so from its first paint, before it has one."""

from __future__ import annotations

from playwright.sync_api import Page

HAS_A_FRAME = "() => document.querySelector('run-tree')?.connection?.number > 0"


def until_connected(page: Page) -> None:
    """The server knows what the page shows, and the page has had its first frame."""
    page.wait_for_function(HAS_A_FRAME)
