"""The walk: with the keyboard alone from a live run of 10,000 actions to why one failed, and its siblings aborted."""

from __future__ import annotations

import re
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
ABORTED = "#rows .row[data-phase=aborted] .status b"


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    """The page of a run that goes on, of 100 branches with 100 leaves each: failures soon stand among running siblings."""
    command = [sys.executable, "-u", "manage.py", "demo", "--shape", "100x100", "--seed", "3", "--live"]
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


def test_from_the_run_to_its_aborted_siblings_with_the_keyboard_alone(page: Page, url: str):
    page.goto(url)
    expect(page.locator("#count-failed")).to_be_visible(timeout=60_000)
    began = time.monotonic()

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Go to the next failed action")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()

    page.keyboard.press("f")
    row = page.locator("#rows .row[aria-selected=true]")
    expect(row).to_be_focused(timeout=SECONDS)
    expect(row).to_have_attribute("data-phase", "failed")
    expect(page.locator("#panel .error-block pre")).to_be_visible(timeout=SECONDS)
    assert page.locator("#panel .error-block pre").inner_text().strip()

    page.keyboard.press("s")
    dialog = page.locator("abort-dialog dialog")
    expect(dialog).to_contain_text("Abort everything beside", timeout=SECONDS)
    expect(dialog.locator(".stops")).to_contain_text(re.compile("running: cancelled|waiting: will not start"))
    page.keyboard.press("Shift+Tab")
    page.keyboard.type("its sibling failed")
    expect(dialog.locator("[name=reason]")).to_have_value("its sibling failed")
    page.keyboard.press("Control+Enter")
    expect(dialog).to_be_hidden(timeout=SECONDS)

    expect(page.locator(ABORTED).first).to_have_text("Aborted", timeout=SECONDS)
    took = time.monotonic() - began
    print(f"the walk took {took:.1f} s")
    assert took < MOST_SECONDS
