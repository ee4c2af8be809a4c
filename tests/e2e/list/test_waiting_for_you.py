"""Waiting for you: what asks is counted in the bar of every page, listed for all runs, and answered from there; on a phone, too."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from runs.domain.phases import Phase
from tests.support.pages.run_list import open_page, runs_url
from tests.support.pages.run_page import dialog, open_run, run_url
from tests.support.pages.steps import Steps
from tests.support.server.commands import in_database
from tests.support.server.server import Server

FILE = "tests/workflows/waiting.py"
PHONE: ViewportSize = {"width": 390, "height": 780}


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """A page of a phone in which every error of the console fails the test."""
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True, reduced_motion="reduce")
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    assert errors == []


def publish(server: Server, model: str) -> str:
    """A run that asks whether it may publish this model."""
    return server.submit(FILE, "publishes", "--model", model)


def badge(page: Page) -> Locator:
    return page.locator(".rooms [data-waiting]")


def line(page: Page, run: str) -> Locator:
    return page.locator(f"#waiting li:has([data-run$='/{run}'])")


def expect_fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_an_approval_with_a_comment_from_a_phone(phone: Page, server: Server):
    """The whole way: the list says that a run needs an answer, the bar leads to it, the report is read, the run goes on."""
    page, run = phone, publish(server, "resnet-50")
    steps = Steps(page)
    open_page(page, runs_url(server))
    steps.begin()
    expect(page.locator(f"#run-{run} .status")).to_contain_text("Needs an answer")
    expect(badge(page)).to_be_visible()
    expect_fits(page)

    badge(page).tap()
    expect(page).to_have_title(re.compile(r"^\(\d+\) Waiting for you"))
    expect(line(page, run)).to_contain_text("Publish resnet-50? It reached 0.93.")
    expect_fits(page)
    line(page, run).get_by_role("link", name="Answer").tap()
    box = dialog(page)
    expect(box.get_by_role("heading", name="Publish resnet-50?")).to_be_visible()
    expect(box.locator(".prompt strong")).to_have_text("0.93")
    within = box.bounding_box()
    assert within
    assert within["x"] >= 0
    assert within["x"] + within["width"] <= PHONE["width"]
    with page.context.expect_page() as opened:
        box.get_by_role("link", name="Report of evaluate").tap()
    report = opened.value.frame_locator("iframe").get_by_role("heading", name="How good is resnet-50?")
    expect(report).to_be_visible()
    opened.value.close()
    box.get_by_label("Comment").tap()
    page.keyboard.insert_text("Good on last week's data, too.\nGo.")
    box.get_by_role("button", name="Approve").tap()

    expect(dialog(page)).to_have_count(0)
    steps.expect_at_most(6, requests=3)  # the page of all that waits, the dialog, the answer
    expect(line(page, run)).to_have_count(0)
    assert server.wait_ended(run) is Phase.SUCCEEDED
    assert "published" in server.cli("get", "io", run)
    (asked,) = [one for one in server.actions(run).values() if one["task_name"] == "publish"]
    page.goto(f"{run_url(server, run)}?action={asked['name']}")
    panel = page.locator("#panel .question")
    expect(panel).to_contain_text("Approved")
    expect(panel.locator(".comment")).to_have_text("Good on last week's data, too.\nGo.")
    expect_fits(page)


def test_the_badge_of_another_page_follows_what_waits(page: Page, server: Server):
    open_page(page, runs_url(server))
    before = int(badge(page).get_attribute("data-waiting") or "")

    run = publish(server, "one")

    expect(badge(page)).to_have_attribute("data-waiting", str(before + 1))
    expect(badge(page)).to_be_visible()
    name = next(one["name"] for one in server.actions(run).values() if one["task_name"] == "publish")
    server.cli("signal", "condition", run, name, "no")
    expect(badge(page)).to_have_attribute("data-waiting", str(before))
    assert server.wait_ended(run) is Phase.SUCCEEDED
    assert "kept back" in server.cli("get", "io", run)


def test_what_waits_is_answered_with_the_keyboard_alone_and_the_focus_is_not_lost(page: Page, server: Server):
    for name in ("keys1", "keys2"):
        in_database(server, f"""
from tests.support.factories import make_run
from tests.support.showcase import make_condition
make_condition(make_run(name={name!r}), "ship", "integer", "How many of {name}?")
""")  # fmt: skip
    open_page(page, f"{server.url}/waiting/")
    line(page, "keys1").get_by_role("link", name="Answer").focus()

    page.keyboard.press("Enter")
    expect(dialog(page).get_by_role("textbox", name="Value")).to_be_focused()
    page.keyboard.type("7")
    page.keyboard.press("Enter")

    expect(dialog(page)).to_have_count(0)
    expect(line(page, "keys1")).to_have_count(0)
    assert page.evaluate("document.activeElement !== document.body")


def test_a_dialog_of_the_page_says_who_was_faster(page: Page, server: Server):
    in_database(server, """
from tests.support.factories import make_run
from tests.support.showcase import make_condition
make_condition(make_run(name="faster"), "ship", "string", "Which name?")
""")  # fmt: skip
    open_page(page, f"{server.url}/waiting/")
    line(page, "faster").get_by_role("link", name="Answer").click()
    expect(dialog(page).get_by_role("textbox", name="Value")).to_be_focused()

    server.cli("signal", "condition", "faster", "a0-ship", "Halcyon")

    expect(dialog(page).get_by_role("status")).to_contain_text("It was answered meanwhile")
    expect(dialog(page).get_by_role("link", name="Open the run")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)


def test_the_header_of_a_run_answers_the_first_that_asks(page: Page, server: Server):
    run = publish(server, "head")
    open_run(page, server, run)
    header = page.locator("#run-header")
    expect(header.locator(".pill")).to_have_text("Needs an answer")
    expect(page).to_have_title(re.compile("^Needs an answer"))

    header.get_by_role("button", name="Answer").click()
    dialog(page).get_by_role("button", name="Reject").click()

    expect(header.locator(".pill")).to_have_text("Succeeded")
    expect(header.locator(".asks")).to_have_count(0)
