"""The log of a run in the browser: it grows with the run, is filtered, and aborts what its lines come from."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from runs.domain.phases import Phase
from tests.support.pages.run_page import dialog, open_run
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e


def test_what_prints_a_text_is_found_in_the_log_and_aborted_from_there(page: Page, server: Server):
    run = server.submit("tests/workflows/losses.py", "main", "--n", "4")
    server.wait_running(run, "train", 4)
    open_run(page, server, run)

    page.get_by_role("link", name="Run log").click()
    lines = page.locator("run-log .line")
    expect(lines.filter(has_text="loss is nan")).to_have_count(2)
    expect(lines.filter(has_text="loss is 0.1")).to_have_count(2)
    page.keyboard.press("/")
    page.keyboard.type("NaN")
    page.keyboard.press("Enter")
    expect(lines).to_have_count(2)
    page.get_by_role("button", name="Abort 2 actions…").click()
    expect(dialog(page)).to_contain_text("2 running: cancelled")
    dialog(page).get_by_label("Reason").fill("nan")
    dialog(page).locator("[type=submit]").click()

    expect(page.get_by_role("button", name="Abort 2 actions…")).to_have_count(0)
    # Their last words follow by themselves.
    expect(lines.filter(has_text="nan until the end")).to_have_count(2)
    assert sorted(server.phases(run, "train")) == [Phase.RUNNING, Phase.RUNNING, Phase.ABORTED, Phase.ABORTED]
    # From line to line, and a link to one. The button has gone, and the focus may be in the box already, where "/" is text.
    page.get_by_role("searchbox", name="Text").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Enter")
    expect(page.locator("run-log .line.now")).to_have_count(1)
    page.get_by_role("button", name="Link to line").click()
    expect(page).to_have_url(re.compile(r"q=NaN.*line=\d+\.\d+"))
    page.reload()
    expect(page.locator("run-log .line.linked")).to_be_visible()
    lines.first.locator(".who").click()
    expect(page).to_have_url(re.compile(r"action="))
    expect(page.locator("#panel")).to_contain_text("nan")
    server.abort(run)
