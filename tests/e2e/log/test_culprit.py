"""The place in the user's own code at which an action failed, on its Overview."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from runs.domain.phases import Phase
from tests.support.pages.connected import until_connected
from tests.support.pages.log_panel import Chat
from tests.support.pages.run_page import run_url
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e

FILE = "tests/workflows/chatting.py"


def test_the_overview_names_the_own_code_that_failed_and_leads_to_the_traceback(page: Page, chat: Chat):
    page.goto(chat.url.replace("&tab=logs", ""))
    until_connected(page)
    expect(page.locator("#overview")).to_be_visible()
    chat.say("fail", "flood 0 200", "crash")
    assert chat.server.wait_ended(chat.run) is Phase.FAILED

    culprit = page.locator(".culprit")
    expect(culprit).to_have_text(re.compile(rf"Your code:\s+{FILE}, line \d+ in obey"))
    expect(page.locator(".culprit-code")).to_have_text('json.loads("no JSON")')
    line = str(culprit.locator("a").text_content()).split()[-1]

    culprit.locator("a").click()

    linked = page.locator(".line.linked")
    expect(linked).to_be_in_viewport()
    expect(linked.locator("span")).to_have_text(re.compile(rf'File ".*{FILE}", line {line}, in obey'))
    expect(page).to_have_url(re.compile(r"\?action=a0&tab=logs&line=\d+\.\d+$"))


def test_an_error_that_was_caught_is_not_named(page: Page, chat: Chat):
    chat.say("fail")
    chat.end()

    page.goto(chat.url.replace("&tab=logs", ""))
    until_connected(page)

    expect(page.locator("#overview")).to_be_visible()
    expect(page.locator(".culprit")).to_have_count(0)


def test_a_plain_function_in_a_process_of_its_own_is_named_too(page: Page, server: Server):
    run = server.submit(FILE, "count", "--text", "no number")
    assert server.wait_ended(run) is Phase.FAILED

    page.goto(f"{run_url(server, run)}?action=a0")
    until_connected(page)

    expect(page.locator(".culprit")).to_contain_text(f"{FILE}, line")
    expect(page.locator(".culprit code")).to_have_text("count")
    expect(page.locator(".culprit-code")).to_have_text("return int(text)")
