"""The dashboard in a real Chromium, with real runs behind it."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from playwright.sync_api import Browser, Page, expect

from runs.domain.phases import Phase
from tests.support.pages.run_page import open_run, popover, run_url
from tests.support.server.server import ROOT, Server


@pytest.fixture
def run(server: Server) -> str:
    """A run whose three children wait to be aborted."""
    run = server.submit("examples/abort_caught.py", "main", "--n", "3", "--sleep_for", "3600")
    server.wait_running(run, "long_sleeper", 3)
    return run


def press_abort(page: Page, action: str, reason: str) -> None:
    page.locator(f"#action-{action} a.label").click()
    page.locator(f"#panel [data-abort='{action}']").click()
    page.locator("dialog[open] input[name=reason]").fill(reason)
    page.locator("dialog[open] button[type=submit]").click()


def test_a_click_aborts_one_action_and_the_page_tells_who_why_and_when(page: Page, server: Server, run: str):
    victim = server.named(run, "long_sleeper")[1]["name"]
    open_run(page, server, run)

    press_abort(page, victim, "clicked in the browser")

    row = page.locator(f"#action-{victim}")
    expect(row).to_have_attribute("data-phase", "aborted")
    expect(row.locator(".status")).to_contain_text("Aborted")
    expect(page.locator("#action-a0")).to_have_attribute("data-phase", "succeeded")
    stored = server.actions(run)[victim]
    assert (stored["cause"], stored["reason"]) == ("external abort", "clicked in the browser")
    assert stored["requested_at"] <= stored["delivered_at"] <= stored["ended_at"]
    assert "Caught: " in server.output(run)
    assert "clicked in the browser" in server.output(run)

    panel = page.locator("#panel")
    expect(panel).to_contain_text("clicked in the browser")
    for instant in ("requested", "delivered", "stopped"):
        expect(panel.locator(".instants li.reached", has_text=instant)).to_have_count(1)


def test_a_click_aborts_the_whole_run(page: Page, server: Server, run: str):
    open_run(page, server, run)

    page.get_by_role("button", name=re.compile("Abort run")).first.click()
    expect(page.locator("dialog[open]")).to_contain_text("4 running")
    page.locator("dialog[open] input[name=reason]").fill("all of it")
    page.locator("dialog[open] button[type=submit]").click()

    for name in server.actions(run):
        expect(page.locator(f"#action-{name}")).to_have_attribute("data-phase", "aborted")
    expect(page.locator("connection-status")).to_have_attribute("data-state", "ended")
    expect(page.locator("[data-abort]")).to_have_count(0)
    assert {row["reason"] for row in server.actions(run).values()} == {"all of it"}


def test_keep_running_keeps_it_running(page: Page, server: Server, run: str):
    open_run(page, server, run)

    page.get_by_role("button", name="Abort run…").click()
    page.get_by_role("button", name="Keep running").click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.locator("#action-a0 [data-abort]").click()
    page.get_by_role("button", name="Keep running").click()
    expect(popover(page)).to_have_count(0)

    assert server.phase(run) is Phase.RUNNING
    server.abort(run)


def test_the_tree_grows_while_one_looks(page: Page, server: Server):
    page.goto(f"{server.url}/")
    run = server.submit("examples/demo.py", "main", "--trials", "3", "--seconds", "3600")
    link = page.locator(f"a[href$='/runs/{run}']").first
    expect(link).to_be_visible()
    link.click()

    expect(page.locator(".row", has_text="load").first).to_be_visible()
    check = page.locator("#rows .row", has_text="check")
    expect(check).to_have_attribute("data-phase", "failed")
    expect(check).to_contain_text("3 rows without a label")
    trials = page.locator("#rows .row[aria-level='3']", has_text="trial")
    expect(trials).to_have_count(3)

    server.abort(run, reason="seen enough")
    expect(trials.first).to_have_attribute("data-phase", "aborted")


def test_the_log_of_a_running_action_grows_in_the_panel(page: Page, server: Server):
    run = server.submit("tests/workflows/printing.py", "main")

    # The run may end before the page is there: it shows the same log.
    page.goto(run_url(server, run) + "?action=a0&tab=logs")

    expect(page.locator("#panel")).to_contain_text("the first line")
    expect(page.locator("#panel")).to_contain_text("the last line")


def test_inputs_and_outputs_are_shown(page: Page, server: Server):
    run = server.submit("tests/workflows/printing.py", "main")
    server.wait_ended(run)

    page.goto(run_url(server, run) + "?action=a0&tab=outputs")

    expect(page.locator("#panel")).to_contain_text("7")


def test_the_keyboard_alone_aborts_an_action(page: Page, server: Server, run: str):
    victim = server.named(run, "long_sleeper")[0]["name"]
    open_run(page, server, run)

    page.locator("#rows .row[tabindex='0']").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    expect(page.locator(f"#action-{victim}")).to_be_focused()
    page.keyboard.press("c")
    expect(popover(page).get_by_label("Reason")).to_be_focused()
    page.keyboard.type("by keyboard")
    page.keyboard.press("Enter")

    expect(page.locator(f"#action-{victim}")).to_have_attribute("data-phase", "aborted")
    assert server.actions(run)[victim]["reason"] == "by keyboard"


def test_the_page_says_when_the_server_is_gone_and_comes_back_right(
    page: Page, browser: Browser, tmp_path_factory: pytest.TempPathFactory
):
    own = Server(tmp_path_factory.mktemp("home")).start()
    context = browser.new_context()
    try:
        run = own.submit("examples/external_abort.py", "main", "--n", "2", "--sleep_for", "3600")
        victim = own.wait_running(run, "long_sleeper", 2)[0]
        watching = context.new_page()
        open_run(watching, own, run)

        own.stop()
        expect(watching.locator("connection-status")).to_have_attribute("data-state", "reconnecting")
        own.start()
        own.wait_running(run, "long_sleeper", 2)
        own.abort(run, victim)

        expect(watching.locator("connection-status")).to_have_attribute("data-state", "live")
        expect(watching.locator(f"#action-{victim}")).to_have_attribute("data-phase", "aborted")
    finally:
        context.close()
        own.stop()


def test_an_unknown_run_keeps_the_way_back(page: Page, browser: Browser, server: Server):
    # In a page of its own: Chromium writes a 404 to the console, which fails the tests of the other one.
    context = browser.new_context()
    other = context.new_page()

    answer = other.goto(run_url(server, "nosuchrun"))

    assert answer is not None
    assert answer.status == 404
    expect(other.locator("body")).to_contain_text("nosuchrun")
    context.close()


def test_the_admin_aborts_what_is_selected(page: Page, server: Server, run: str):
    env = {**server.env, "DJANGO_SUPERUSER_PASSWORD": "not-a-secret"}
    command = [
        sys.executable,
        "manage.py",
        "createsuperuser",
        "--noinput",
        "--username",
        "ann",
        "--email",
        "ann@example.org",
    ]
    subprocess.run(command, cwd=ROOT, env=env, check=True, timeout=180, capture_output=True)
    victim = server.named(run, "long_sleeper")[2]
    page.goto(f"{server.url}/admin/login/?next=/admin/runs/action/?q={victim['name']}")
    page.fill("#id_username", "ann")
    page.fill("#id_password", "not-a-secret")
    page.get_by_role("button", name="Log in").click()

    page.locator(f".action-select[value='{victim['id']}']").check()
    page.locator("select[name=action]").select_option("abort_selected")
    page.locator("button[name=index]").click()
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("no longer needed")
    page.get_by_role("button", name="Abort", exact=True).click()

    expect(page.locator(".messagelist")).to_be_visible()
    assert server.wait_ended(run, victim["name"]) is Phase.ABORTED
    stored = server.actions(run)[victim["name"]]
    assert (stored["actor"], stored["reason"]) == ("ann", "no longer needed")
