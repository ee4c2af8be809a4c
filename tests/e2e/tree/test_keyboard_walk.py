"""The walk: with the keyboard alone from a live run of 10,000 actions to why one failed, and its siblings aborted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.support.pages.run_page import run_url
from tests.support.server.commands import performing
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e

ENOUGH = 20  # siblings still live: some are so when the keys of the dialog have been pressed
MOST_FAILURES = 20
DIGITS = "0123456789"


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    """The page of a run that goes on, of 10 branches with 1,000 leaves each: failures stand among running siblings."""
    with performing(server, "10x1000", seed=3, seconds=300) as (_, run):
        yield run_url(server, run)


def go_to_a_failure_beside_live_ones(page: Page) -> str:
    """F until the panel counts enough siblings that still live, as somebody would who looks for what to stop."""
    row = page.locator("#rows .row[aria-selected=true]:not([data-pinned])")
    name = ""
    for _ in range(MOST_FAILURES):
        page.keyboard.press("f")
        expect(row).not_to_have_id(f"action-{name}")
        expect(row).to_be_focused()
        expect(row).to_have_attribute("data-phase", "failed")
        name = (row.get_attribute("id") or "").removeprefix("action-")
        panel = page.locator(f"#panel[data-name='{name}']")
        expect(panel.locator(".error-block pre")).to_be_visible()
        live = panel.locator("#beside .num")
        if live.count() and int(live.inner_text().replace(",", "")) >= ENOUGH:
            return name
    pytest.fail("no failure had siblings that still lived")


def test_from_the_run_to_its_aborted_siblings_with_the_keyboard_alone(page: Page, url: str):
    page.goto(url)
    expect(page.locator("#count-failed")).to_be_visible()

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Go to the next failed action")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()

    name = go_to_a_failure_beside_live_ones(page)
    assert page.locator("#panel .error-block pre").inner_text().strip()

    page.keyboard.press("s")
    dialog = page.locator("abort-dialog dialog")
    expect(dialog).to_contain_text("Abort everything beside")
    counted = dialog.locator(".stops li:is([data-phase=running], [data-phase=queued]) .num")
    expect(counted.first).to_be_visible()
    assert sum(int(text) for text in counted.all_inner_texts()) > 0
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("its sibling failed")
    expect(dialog.locator("[name=reason]")).to_have_value("its sibling failed")
    page.keyboard.press("Control+Enter")
    expect(dialog).to_be_hidden()

    siblings = f"#rows .row[id^='action-{name.rstrip(DIGITS)}'][data-phase=aborted] .status b"
    expect(page.locator(siblings).first).to_have_text("Aborted")
    expect(page.locator(f"#rows .row[id='action-{name}']")).to_have_attribute("data-phase", "failed")
