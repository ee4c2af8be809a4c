"""The walk: with the keyboard alone from a live run of 10,000 actions to why one failed, and its siblings aborted."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.server import ROOT, RUN_URL, Server

pytestmark = pytest.mark.e2e

MOST_SECONDS = 30.0
SECONDS = 15_000
ENOUGH = 20  # siblings still live: some are so when the keys of the dialog have been pressed
MOST_FAILURES = 20
DIGITS = "0123456789"


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    """The page of a run that goes on, of 10 branches with 1,000 leaves each: failures stand among running siblings."""
    command = [sys.executable, "-u", "manage.py", "demo", "--shape", "10x1000", "--seed", "3", "--live"]
    demo = subprocess.Popen(command, cwd=ROOT, env=server.env, stdout=subprocess.PIPE, text=True)
    assert demo.stdout is not None
    found = None
    while found is None:
        line = demo.stdout.readline()
        assert line, "the demonstration said no address"
        found = RUN_URL.search(line)
    yield server.url + found.group(0).removeprefix(found.group(1))
    demo.kill()
    demo.communicate(timeout=20)


def go_to_a_failure_beside_live_ones(page: Page) -> str:
    """F until the panel counts enough siblings that still live, as somebody would who looks for what to stop."""
    row = page.locator("#rows .row[aria-selected=true]:not([data-pinned])")
    name = ""
    for _ in range(MOST_FAILURES):
        page.keyboard.press("f")
        expect(row).not_to_have_id(f"action-{name}", timeout=SECONDS)
        expect(row).to_be_focused(timeout=SECONDS)
        expect(row).to_have_attribute("data-phase", "failed")
        name = (row.get_attribute("id") or "").removeprefix("action-")
        panel = page.locator(f"#panel[data-name='{name}']")
        expect(panel.locator(".error-block pre")).to_be_visible(timeout=SECONDS)
        live = panel.locator("#beside .num")
        if live.count() and int(live.inner_text().replace(",", "")) >= ENOUGH:
            return name
    pytest.fail("no failure had siblings that still lived")


def test_from_the_run_to_its_aborted_siblings_with_the_keyboard_alone(page: Page, url: str):
    page.goto(url)
    expect(page.locator("#count-failed")).to_be_visible(timeout=60_000)
    began = time.monotonic()

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Go to the next failed action")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()

    name = go_to_a_failure_beside_live_ones(page)
    assert page.locator("#panel .error-block pre").inner_text().strip()

    page.keyboard.press("s")
    dialog = page.locator("abort-dialog dialog")
    expect(dialog).to_contain_text("Abort everything beside", timeout=SECONDS)
    counted = dialog.locator(".stops li:is([data-phase=running], [data-phase=queued]) .num")
    expect(counted.first).to_be_visible()
    assert sum(int(text) for text in counted.all_inner_texts()) > 0
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("its sibling failed")
    expect(dialog.locator("[name=reason]")).to_have_value("its sibling failed")
    page.keyboard.press("Control+Enter")
    expect(dialog).to_be_hidden(timeout=SECONDS)

    siblings = f"#rows .row[id^='action-{name.rstrip(DIGITS)}'][data-phase=aborted] .status b"
    expect(page.locator(siblings).first).to_have_text("Aborted", timeout=SECONDS)
    expect(page.locator(f"#rows .row[id='action-{name}']")).to_have_attribute("data-phase", "failed")
    took = time.monotonic() - began
    print(f"the walk took {took:.1f} s")
    assert took < MOST_SECONDS
