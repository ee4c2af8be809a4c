"""The panel of an action that runs alone, and the button with which its task shares a process again."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.support.pages.run_page import open_run
from tests.support.server.server import Server

NOTE = """
from django.utils import timezone
from runs.engine import manners
from runs.engine.book.book import open_run
from runs.models import Manner, Run
with open_run(Run.objects.get(name={run!r}).pk) as book:
    manners.note(book, {task!r}, Manner.Kind.BLOCKED, "blocked its event loop for 4.2 s", at=timezone.now())
"""
TASK = "external_abort.long_sleeper"
RUN = ("examples/external_abort.py", "main", "--n", "1", "--sleep_for", "3600")


def sleeper_in(server: Server, run: str) -> str:
    return server.wait_running(run, "long_sleeper", 1)[0]


def test_a_task_runs_alone_and_its_panel_says_why_until_somebody_lets_it_share_again(
    page: Page, server: Server
):
    before = server.submit(*RUN)
    server.manage("shell", "-c", NOTE.format(run=before, task=TASK)).check_returncode()
    run = server.submit(*RUN)
    child = sleeper_in(server, run)
    assert server.actions(run)[child]["is_alone"]
    open_run(page, server, run, f"?action={child}")

    alone = page.locator("#panel .alone")
    expect(alone).to_contain_text("Runs alone, since it blocked its event loop for 4.2 s in run")
    assert alone.get_by_role("link", name=before).get_attribute("href") == page.url.partition("?")[0].replace(
        server.url, ""
    ).replace(run, before)
    alone.get_by_role("button", name="Let it share again").click()

    expect(page.locator(".toasts")).to_contain_text(f"What {TASK} did is forgotten.")
    expect(alone).not_to_contain_text("since")
    after = server.submit(*RUN)
    sleeper = sleeper_in(server, after)
    assert not server.actions(after)[sleeper]["is_alone"]
    for one in (before, run, after):
        server.abort(one)
        server.wait_all_ended(one)
