"""*Abort them…*: what runs beside a failed action is stopped, to the `CancelledError` in its task, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from runs.domain.phases import Phase
from tests.support.pages.run_page import open_run
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e


@pytest.fixture
def run(server: Server) -> str:
    """A run of two branches with two sleepers each; a third child of one branch has failed."""
    run = server.submit("tests/workflows/beside.py", "main")
    server.wait_running(run, "sleeper", 4)
    server.wait_ended(run, server.named(run, "failing")[0]["name"])
    return run


def press_button(page: Page) -> None:
    page.locator("#beside").get_by_role("button", name="Abort them…").click()


def press_key(page: Page) -> None:
    page.keyboard.press("s")


@pytest.mark.parametrize("ask", [press_button, press_key])
def test_the_siblings_of_a_failed_action_are_cancelled_and_nothing_else(
    page: Page, server: Server, run: str, ask: Callable[[Page], None]
):
    failed = server.named(run, "failing")[0]
    siblings = [one for one in server.named(run, "sleeper") if one["parent_id"] == failed["parent_id"]]
    others = [one for one in server.named(run, "sleeper") if one["parent_id"] != failed["parent_id"]]
    open_run(page, server, run, f"?action={failed['name']}")
    expect(page.locator("#beside")).to_contain_text("2 beside it still live")

    ask(page)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Abort everything beside")
    expect(dialog).to_contain_text("2 running: cancelled, with time to clean up")
    expect(dialog.get_by_role("button", name="Keep running")).to_be_focused()
    dialog.get_by_role("textbox").fill("its sibling failed")
    dialog.get_by_role("button", name="Abort", exact=True).click()

    expect(page.locator("#toasts")).to_contain_text("Aborting 2 actions")
    for one in siblings:
        expect(page.locator(f"#action-{one['name']}")).to_have_attribute("data-phase", "aborted")
        assert "got CancelledError: its sibling failed" in server.output(run, one["name"])
    expect(page.locator("#beside")).to_have_count(0)
    assert server.phase(run, failed["name"]) is Phase.FAILED
    assert {server.phase(run, one["name"]) for one in others} == {Phase.RUNNING}
    branch = next(one for one in server.named(run, "branch") if one["id"] == failed["parent_id"])
    assert server.wait_ended(run, branch["name"]) is Phase.SUCCEEDED
    printed = server.output(run, branch["name"])
    assert "['ActionAbortedError', 'ActionAbortedError', 'RuntimeUserError']" in printed
    server.abort(run)
