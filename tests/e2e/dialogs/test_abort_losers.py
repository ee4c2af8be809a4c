"""The losers of a search are found by a value and aborted: by the filter of the tree, in a few steps."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from runs.domain.phases import Phase
from tests.support.pages.run_page import dialog, open_run, toasts
from tests.support.pages.steps import Steps
from tests.support.server.server import Server, wait_until

pytestmark = pytest.mark.e2e

TRIALS = 60


def test_the_losers_of_a_search_are_found_by_value_and_aborted_in_a_few_steps(page: Page, server: Server):
    run = server.submit("tests/workflows/trials.py", "hold_all", "--trials", str(TRIALS))
    server.wait_running(run, "held", TRIALS)
    trials = server.named(run, "held")
    losers = {one["name"] for one in trials if json.loads(one["input_digest"])["lr"] > 0.01}
    steps = Steps(page)
    open_run(page, server, run)
    steps.begin()

    page.keyboard.press("/")
    page.keyboard.type("lr>0.01")
    expect(page.locator("#run-matches .said")).to_have_text(f"{len(losers)} of {TRIALS + 1} match")
    page.locator("#run-matches").get_by_role("button", name="Abort…").click()
    expect(dialog(page)).to_contain_text("Abort everything that matches “lr>0.01”?")
    expect(dialog(page)).to_contain_text(f"{len(losers)} running: cancelled")
    dialog(page).get_by_label("Reason").click()
    page.keyboard.type("val_acc below 0.6")
    page.keyboard.press("Enter")
    expect(toasts(page)).to_contain_text(f"Aborting {len(losers)} actions")

    steps.expect_at_most(6, requests=2)  # the dialog, and the abort
    expect(page.locator("#rows .status", has_text="Aborted: val_acc below 0.6").first).to_be_visible()
    wait_until(
        lambda: server.phases(run, "held").count(Phase.ABORTED) == len(losers), "all losers are aborted"
    )
    aborted = {one["name"] for one in server.named(run, "held") if one["phase"] == Phase.ABORTED}
    assert aborted == losers
    assert server.phases(run, "held").count(Phase.RUNNING) == TRIALS - len(losers)
    expect(page.locator("[data-abort-matching]")).to_have_count(0)
    server.abort(run)
