"""The losers of a search are found by value and aborted from the table of its calls, while the table, the graph and the page of the task follow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from runs.domain.phases import Phase
from tests.support.pages.axe import SCHEMES, violations
from tests.support.pages.run_page import dialog, run_url, toasts
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e
TASK = "/v2/domain/development/project/flytesnacks/tasks/losses.train"


@pytest.fixture
def run(server: Server) -> Iterator[str]:
    """Seven trials that run until they are aborted."""
    run = server.submit("tests/workflows/losses.py", "main", "--n", "7")
    server.wait_running(run, "train", 7)
    yield run
    server.abort(run)


def test_losers_are_found_by_value_and_aborted_from_the_table(page: Page, server: Server, run: str):
    graph = page.context.new_page()
    graph.goto(f"{run_url(server, run)}/graph")
    expect(graph.locator("connection-status")).to_have_attribute("data-state", "live")
    name = graph.locator(".graph-task").nth(1).get_by_role("link")
    name.focus()
    page.goto(f"{run_url(server, run)}/table")
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")
    page.get_by_role("searchbox", name="Filter the table").fill("number>=3 phase=running")
    page.keyboard.press("Enter")
    expect(page.locator("#matched")).to_contain_text("4 match")
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert not (found := violations(page)), "\n".join(found)

    boxes = page.locator("tbody .pick > input")
    boxes.nth(0).focus()
    page.keyboard.press("Space")
    boxes.nth(2).click(modifiers=["Shift"])
    expect(page.get_by_role("button", name="Abort 3 actions…")).to_be_visible()
    page.get_by_role("button", name="Select the 4 that can be aborted").click()
    page.get_by_role("button", name="Abort 4 actions…").click()
    expect(dialog(page)).to_contain_text("Abort 4 selected actions?")
    expect(dialog(page)).to_contain_text("4 running: cancelled")
    dialog(page).get_by_role("textbox").fill("too high")
    page.keyboard.press("Control+Enter")

    expect(toasts(page)).to_contain_text("Aborting 4 actions")
    expect(page.locator('tbody tr[data-phase="aborted"]')).to_have_count(4)
    expect(page.locator("tbody .pick > input")).to_have_count(0)
    expect(page.locator(".bulk")).to_be_hidden()
    assert sorted(server.phases(run, "train")) == sorted([Phase.ABORTED] * 4 + [Phase.RUNNING] * 3)
    expect(graph.locator(".graph-task").nth(1)).to_contain_text("4 aborted, 3 running")
    expect(name).to_be_focused()


def test_a_row_is_aborted_by_its_own_button_and_the_page_of_the_task_follows(
    page: Page, server: Server, run: str
):
    task = page.context.new_page()
    task.goto(f"{server.url}{TASK}")
    page.goto(f"{run_url(server, run)}/table?sort=-in.number")
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")
    page.get_by_role("button", name="Abort train number=6…").click()
    expect(dialog(page)).to_contain_text("Abort train")
    dialog(page).get_by_role("button", name="Abort", exact=True).click()

    expect(page.locator("tbody tr").nth(0)).to_have_attribute("data-phase", "aborted")
    expect(task.locator('.outcomes a[data-phase="aborted"]')).not_to_have_count(0)
