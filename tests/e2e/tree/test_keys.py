"""Keys that look for something in the tree: what has not started, and what has failed."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.pages.connected import until_connected
from tests.support.pages.run_page import open_run
from tests.support.server.commands import make_demo, manage
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e

MAKE = """
from runs.domain.phases import Phase
from tests.support import factories, showcase
run = showcase.make_everything('unstarted')
factories.make_action(run, 'a0-later', parent=run.actions.get(name='a0'), phase=Phase.QUEUED, short_name='later')
"""
START = """
from django.utils import timezone
from runs.models import Action
from runs.domain.phases import Phase
from tests.support import factories
action = Action.objects.get(name='a0-waiting', run__name='unstarted')
factories.change(action, phase=Phase.RUNNING, started_at=timezone.now())
"""


def row(page: Page, name: str) -> Locator:
    return page.locator(f"#action-{name}")


def in_database(server: Server, code: str) -> None:
    manage(server, "shell", "-v", "0", "-c", code)


def test_n_hides_what_has_not_started_until_it_does_and_shows_it_again(page: Page, server: Server):
    in_database(server, MAKE)
    open_run(page, server, "unstarted")
    button = page.get_by_role("button", name="Hide not started")
    rows = page.locator("#rows > .row").count()
    everything = page.locator("#rows > .row:not(.group)").count()

    page.keyboard.press("n")

    for name in ("a0-waiting", "a0-later"):
        expect(row(page, name)).to_have_count(0)
    # A question that waits has been asked, and what waits for its second attempt has had its first.
    for name in ("a0", "a0-trial0", "a0-cached", "a0-ship", "a0-flaky"):
        expect(row(page, name)).to_be_visible()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#run-matches")).to_contain_text(f"{everything - 2} of {everything} match")
    expect(page).to_have_url(re.compile(r"\?started=1$"))

    in_database(server, START)
    expect(row(page, "a0-waiting")).to_have_attribute("data-phase", "running")
    expect(row(page, "a0-later")).to_have_count(0)

    page.reload()
    until_connected(page)
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(row(page, "a0-later")).to_have_count(0)
    page.keyboard.press("n")
    expect(row(page, "a0-later")).to_be_visible()
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".tree")).to_have_attribute("aria-rowcount", str(rows))
    expect(page).to_have_url(re.compile("/runs/unstarted$"))


def test_f_and_shift_f_go_through_failures_both_ways_and_round_the_ends(page: Page, server: Server):
    page.goto(server.url + make_demo(server, "12x20"))
    until_connected(page)
    number = int(page.locator("#count-failed b").inner_text())
    assert number >= 3

    def go(key: str) -> str:
        """Press it; returns the failure that has the focus then."""
        before = page.evaluate("document.activeElement.id")
        page.keyboard.press(key)
        page.wait_for_function("(before) => document.activeElement.id !== before", arg=before)
        found = page.locator("#rows .row:focus")
        expect(found).to_have_attribute("data-phase", "failed")
        expect(found).to_have_attribute("aria-selected", "true")
        return found.get_attribute("id") or ""

    there = [go("f") for _ in range(number)]
    assert len(set(there)) == number
    back = [go("Shift+F") for _ in range(number)]

    assert back == [*there[-2::-1], there[-1]]


def test_shift_f_opens_what_hides_the_failure_before(page: Page, server: Server):
    page.goto(server.url + make_demo(server, "12x20"))
    until_connected(page)
    page.keyboard.press("1")
    expect(page.locator(".tree")).to_have_attribute("aria-rowcount", "1")

    page.keyboard.press("Shift+F")

    found = page.locator("#rows .row:focus")
    expect(found).to_have_attribute("data-phase", "failed")
    expect(found).to_be_in_viewport()
    expect(page.locator("#panel .error-block")).to_be_visible()
