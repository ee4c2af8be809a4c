"""The tasks in the browser: found, looked at, launched; and a run as a graph of its tasks."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from runs.domain.phases import Phase
from tests.support.pages.axe import violations
from tests.support.pages.run_page import open_ended_run, row, run_url
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e
FILE = "tests/workflows/reruns.py"
TASK = "/v2/domain/development/project/flytesnacks/tasks/reruns.main"


@pytest.fixture(scope="module")
def brought(server: Server) -> str:
    """A run whose tasks were never deployed."""
    run = server.submit(FILE, "main", "--n", "3")
    assert server.wait_ended(run) is Phase.SUCCEEDED
    return run


def new_run(page: Page) -> str:
    page.wait_for_url(re.compile(r"/runs/[a-z0-9-]+$"))
    return page.url.rpartition("/")[2]


def test_what_a_run_brought_is_found_and_launched_by_keys_alone_on_a_phone(
    page: Page, server: Server, brought: str
):
    page.set_viewport_size({"width": 390, "height": 780})
    page.goto(f"{server.url}/executors/")
    menu, tasks = (
        page.get_by_role("button", name="More pages"),
        page.get_by_role("link", name="Tasks", exact=True),
    )
    menu.focus()
    page.keyboard.press("Enter")
    expect(tasks).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    expect(tasks).to_be_hidden()
    expect(menu).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(tasks).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("searchbox", name="Search tasks").focus()
    page.keyboard.type("RERUNS.MAIN")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="reruns.main").focus()
    page.keyboard.press("Enter")

    expect(page.locator(".parameters").first).to_contain_text("limit: int")
    page.get_by_role("link", name="Launch…").focus()
    page.keyboard.press("Enter")
    # In the order of the function, with what the run was given that has brought it.
    number = page.locator('[name="in.n"]')
    expect(number).to_be_focused()
    expect(number).to_have_value("3")
    page.keyboard.press("Control+a")
    page.keyboard.type("4")
    page.keyboard.press("Tab")
    expect(page.get_by_label("limit")).to_have_value("100")
    page.keyboard.press("Enter")

    run = new_run(page)
    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    assert "it: 16" in str(server.cli("get", "io", run))
    page.locator("#run-name").get_by_role("link").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name=re.compile(rf"Succeeded after .* of run {run}"))).to_be_visible()


def test_a_deployed_task_is_launched_without_javascript_and_its_last_error_leads_to_the_action(
    browser: Browser, server: Server
):
    server.cli("deploy", "--version", "one", FILE, "env")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server.url}{TASK}/launch")
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was started")
    expect(page.get_by_label("n int")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("n int").fill("20")
    page.get_by_role("button", name="Launch").click()
    run = new_run(page)

    assert server.wait_ended(run) is Phase.FAILED
    page.goto(f"{server.url}{TASK}?version=one")
    expect(page.locator(".task-failure")).to_contain_text("400 is above 100")
    page.get_by_role("link", name=f"a0 of {run}").click()
    expect(page).to_have_url(f"{run_url(server, run)}?action=a0")
    context.close()


def test_the_graph_of_a_run_leads_to_the_actions_of_a_task(page: Page, server: Server, brought: str):
    open_ended_run(page, run_url(server, brought))
    page.get_by_role("link", name="Graph").click()
    boxes = page.locator(".graph-task")
    expect(boxes).to_have_count(2)
    expect(boxes.nth(1)).to_contain_text("1 succeeded")

    boxes.nth(1).get_by_role("link", name="square").click()

    expect(page.get_by_role("searchbox", name="Filter actions")).to_have_value("task=reruns.square")
    expect(page.locator("#rows .row")).to_have_count(2)
    expect(row(page, "a0")).to_have_attribute("data-context", "")
