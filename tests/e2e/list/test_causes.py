"""Yesterday's failure: from the list to the traceback of what failed first in two steps, with real errors that were passed on."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from runs.domain.phases import Phase
from tests.support.pages.run_list import open_page, runs_url
from tests.support.server.server import Server

FILE = "tests/workflows/passing_on.py"


def named(server: Server, run: str, task: str) -> str:
    return next(
        one["name"] for one in server.actions(run).values() if one["task_name"] == f"passing_on.{task}"
    )


def test_the_error_in_the_list_leads_to_the_traceback_of_the_true_culprit(page: Page, server: Server):
    run = server.submit(FILE, "main")
    assert server.wait_ended(run) is Phase.FAILED
    open_page(page, runs_url(server, "?since=today&phase=failed"))

    page.locator(f"#run-{run} .status a.error").click()

    culprit = named(server, run, "load")
    expect(page.locator("#panel")).to_have_attribute("data-name", culprit)
    expect(page.locator("#panel")).to_have_attribute("data-tab", "logs")
    expect(page).to_have_url(re.compile(rf"action={culprit}&tab=logs&line="))
    expect(page.locator("#panel .log")).to_contain_text("the column 'price' is missing")
    expect(page.locator("#panel .log")).to_contain_text("passing_on.py")


def test_f_passes_over_what_only_passes_the_error_on(page: Page, server: Server):
    run = server.submit(FILE, "main")
    server.wait_ended(run)
    page.goto(f"{runs_url(server)}/{run}")
    expect(page.locator("connection-status")).to_have_attribute("data-state", re.compile("live|ended"))

    page.keyboard.press("f")

    focused = page.locator("#rows .row:focus")
    expect(focused).to_have_id(f"action-{named(server, run, 'load')}")
    expect(page.locator("#run-header .cause")).to_contain_text("First failed: load")


def test_a_failure_that_was_caught_is_neutral(page: Page, server: Server):
    run = server.submit(FILE, "catches")
    assert server.wait_ended(run) is Phase.SUCCEEDED
    page.goto(f"{runs_url(server)}/{run}")

    note = page.locator("#run-header .cause")
    expect(note).to_contain_text("Failed, and the run went on: load")
    expect(note).not_to_have_attribute("data-phase", "failed")
