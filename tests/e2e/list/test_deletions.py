"""Runs that have ended are deleted with a click, from their page and their list, with all that they have left on the disk."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.support import plain_http
from tests.support.pages.run_list import open_page, runs_url
from tests.support.pages.run_page import open_ended_run, run_url
from tests.support.server.server import Server, wait_until


def start(server: Server) -> str:
    return server.submit("examples/abort_caught.py", "main", "--n", "2", "--sleep_for", "0.1")


def files_of(server: Server, run: str) -> list[Path]:
    return [path for path in (server.home / "storage").rglob("*") if run in path.parts and path.is_file()]


def test_an_ended_run_is_deleted_from_its_page_whose_address_then_says_so(page: Page, server: Server):
    run = start(server)
    server.wait_ended(run)
    assert files_of(server, run)
    open_ended_run(page, run_url(server, run))

    page.locator(".run-actions [data-delete]").click()
    dialog = page.locator("delete-dialog dialog[open]")
    expect(dialog).to_contain_text("3 actions, with their logs, inputs and outputs")
    expect(dialog).to_contain_text("files,")
    dialog.locator("[type=submit]").click()

    page.wait_for_url(runs_url(server))
    expect(page.locator(f"#run-{run}")).to_have_count(0)
    answer = plain_http.get(run_url(server, run), timeout=120)
    assert answer.status_code == 404
    assert "was deleted on" in answer.text
    assert "by someone at the dashboard" in answer.text
    wait_until(lambda: not files_of(server, run), "its files are gone")


def test_ended_runs_are_deleted_from_their_list_and_live_ones_stay(page: Page, server: Server):
    ended = [start(server), start(server)]
    live = server.submit("examples/abort_caught.py", "main", "--n", "1", "--sleep_for", "3600")
    for run in ended:
        server.wait_ended(run)
    server.wait_running(live, "long_sleeper", 1)
    open_page(page, runs_url(server))

    for run in (*ended, live):
        page.locator(f"#run-{run} .pick input").check()
    page.locator("[data-delete-picked]").click()
    dialog = page.locator("delete-dialog dialog[open]")
    expect(dialog).to_contain_text("Delete 2 of 3 runs?")
    expect(dialog).to_contain_text("1 has not ended and stays.")
    dialog.locator("[type=submit]").click()

    expect(page.locator("#toasts")).to_contain_text("2 runs with 6 actions deleted")
    for run in ended:
        expect(page.locator(f"#run-{run}")).to_have_count(0)
    expect(page.locator(f"#run-{live}")).to_have_count(1)
    expect(page.locator(".bulk")).to_be_hidden()
    wait_until(lambda: not any(files_of(server, run) for run in ended), "their files are gone")
    server.abort(live)
    server.wait_ended(live)
