"""The list of runs is searched: one box for all that is known of a run, chips of days, Mine and phases, views, pages there and back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.pages.run_list import open_page
from tests.support.server.commands import in_database
from tests.support.server.server import Server

PROJECT = "searched"
MAKE = """
from datetime import timedelta
from django.utils import timezone
from runs.domain.phases import Phase
from runs.models import Action
from tests.support import factories
now = timezone.now()
def make(name, hours, phase=Phase.SUCCEEDED, digest="", error="", **fields):
    at = now - timedelta(hours=hours)
    run = factories.make_run(name=name, project="searched", created_at=at, phase=phase, **fields)
    Action.objects.filter(run=run).update(created_at=at, input_digest=digest, error_message=error, ended_at=at, task_name="vision.train")
make("fresh", 0, digest='{"lr":0.001}', labels={"team": "vision"})
make("older", 72, digest='{"lr":0.1}', created_by="carol")
make("broken", 48, phase=Phase.FAILED, error="the column price is missing")
for n in range(60):
    make(f"many{n:02}", 24 * 30 + n, created_by="robot")
"""


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    server.cli("create", "project", "--id", PROJECT, "--name", "Searched")
    in_database(server, MAKE)
    return f"{server.url}/v2/domain/development/project/{PROJECT}/runs"


def names(page: Page) -> Locator:
    return page.locator("#runs tbody tr code")


def total(page: Page) -> Locator:
    return page.locator("#runs .total")


def chip(page: Page, name: str) -> Locator:
    return page.locator("#run-filters").get_by_role("button", name=name)


def test_one_box_finds_by_whatever_is_known_of_a_run(page: Page, url: str):
    open_page(page, url)
    expect(total(page)).to_have_text("63 runs")

    for text, found in {
        "price": "broken",
        "lr<0.01": "fresh",
        "carol": "older",
        "team=vision": "fresh",
        "train fresh": "fresh",
    }.items():
        page.keyboard.press("Escape")
        page.locator("h1").click()
        page.keyboard.press("/")
        page.keyboard.press("ControlOrMeta+a")
        page.keyboard.type(text)
        expect(names(page)).to_have_text([found])
        expect(total(page)).to_have_text("1 run")
    expect(page).to_have_url(re.compile(r"\?q=train\+fresh$"))


def test_chips_of_days_and_mine_set_the_filter_and_take_it_back(page: Page, url: str):
    open_page(page, url)

    chip(page, "7 days").click()
    expect(names(page)).to_have_text(["fresh", "broken", "older"])
    expect(chip(page, "7 days")).to_have_attribute("aria-pressed", "true")
    expect(page).to_have_url(re.compile(r"\?since=7d$"))
    chip(page, "Today").focus()
    page.keyboard.press("Space")
    expect(names(page)).to_have_text(["fresh"])
    expect(chip(page, "7 days")).to_have_attribute("aria-pressed", "false")
    expect(page).to_have_url(re.compile(r"since=today&tz="))
    page.reload()
    expect(chip(page, "Today")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".more-filters")).not_to_have_attribute("open", "")
    chip(page, "Today").click()
    expect(total(page)).to_have_text("63 runs")
    chip(page, "Mine").click()
    expect(page.locator("#no-match")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?who=me$"))


def test_chips_count_live(page: Page, server: Server, url: str):
    open_page(page, f"{url}?since=7d")
    failed = page.locator("#run-filters .phase-pick[data-phase=failed]")
    expect(failed).to_have_text(re.compile(r"Failed\s+1"))

    in_database(server, """
from runs.domain.phases import Phase
from tests.support import factories
factories.make_run(name="late", project="searched", domain="development", phase=Phase.FAILED, created_by="zoe")
""")  # fmt: skip

    expect(failed).to_have_text(re.compile(r"Failed\s+2"))
    in_database(server, 'from runs.models import Run; Run.objects.filter(name="late").delete()')
    expect(failed).to_have_text(re.compile(r"Failed\s+1"))


def test_a_view_is_kept_under_its_name_and_forgotten(page: Page, url: str):
    open_page(page, f"{url}?phase=failed&since=7d")
    views = page.locator("saved-views")

    views.get_by_text("Views").click()
    page.get_by_label("Name of this view").fill("broken lately")
    page.keyboard.press("Enter")
    expect(views.locator("summary")).to_be_focused()
    open_page(page, url)
    views.get_by_text("Views").click()
    views.get_by_role("link", name="broken lately").click()
    expect(page).to_have_url(re.compile(r"\?phase=failed&since=7d$"))
    expect(names(page)).to_have_text(["broken"])

    views.get_by_text("Views").click()
    views.get_by_role("button", name="Forget the view broken lately").click()
    expect(views.get_by_role("link")).to_have_count(0)


def test_pages_go_there_and_back(page: Page, url: str):
    open_page(page, f"{url}?q=robot")
    first = names(page).all_inner_texts()

    page.get_by_role("link", name="Older").click()
    expect(names(page)).to_have_count(10)
    expect(total(page)).to_have_text("60 runs")
    page.get_by_role("link", name="Newer").click()

    expect(names(page)).to_have_text(first)
    expect(page.get_by_role("link", name="Newer")).to_have_count(0)
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")
