"""What somebody meets who has nothing yet: empty pages that teach, and the way to another project or domain."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.support.server.server import Server


def test_an_empty_domain_teaches_the_first_run_and_its_lines_can_be_copied(page: Page, server: Server):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{server.url}/v2/domain/staging/project/flytesnacks/runs")

    empty = page.locator("#empty")
    expect(empty).to_contain_text("No runs here yet")
    expect(empty).to_contain_text(server.url)
    expect(empty).to_contain_text("domain: staging")
    empty.get_by_role("button", name="Copy command").last.click()

    assert page.evaluate("navigator.clipboard.readText()") == "flyte run hello.py main"


def test_another_domain_is_two_clicks_away_and_a_menu_closes_with_a_key(page: Page, server: Server):
    page.goto(f"{server.url}/v2/domain/development/project/flytesnacks/runs")
    menu = page.locator("scope-menu details").last

    menu.locator("summary").click()
    expect(menu.get_by_role("link", name="staging")).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu.get_by_role("link", name="staging")).to_be_hidden()
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    menu.get_by_role("link", name="staging").click()

    expect(page).to_have_url(re.compile("/domain/staging/project/flytesnacks/runs$"))
    expect(menu.locator(".scope-name")).to_have_text("staging")
    expect(page.locator("#empty")).to_be_visible()
