"""The list of runs by keys alone: its order, its pages, and the project that it is of."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from playwright.sync_api import Page, expect

from tests.support.pages.run_list import open_page, runs_url
from tests.support.server.commands import in_database
from tests.support.server.server import Server

MANY = 120  # two pages of 50, and one of 20
NEWEST, OLDEST = range(MANY - 1, -1, -1), range(MANY)
# Run n took as long as its place in a shuffled order says, so that this order is neither of the others.
LONGEST = sorted(range(MANY), key=lambda n: n * 7 % MANY, reverse=True)


@pytest.fixture(scope="module")
def paged(server: Server) -> str:
    """A project with MANY runs, r000 the oldest."""
    server.cli("create", "project", "--id", "paged", "--name", "Paged")
    in_database(server, f"""
from datetime import timedelta
from django.utils import timezone
from runs.domain.phases import Phase
from tests.support import factories
first = timezone.now() - timedelta(hours=1)
for n in range({MANY}):
    began = first + timedelta(seconds=n)
    ended = began + timedelta(seconds=1 + n * 7 % {MANY})
    run = factories.make_run(name=f"r{{n:03}}", project="paged", phase=Phase.SUCCEEDED, created_at=began)
    factories.change(run.actions.get(), created_at=began, started_at=began, ended_at=ended)
""")  # fmt: skip
    return paged_url(server)


def paged_url(server: Server) -> str:
    return runs_url(server).replace("/project/flytesnacks/", "/project/paged/")


def expect_runs(page: Page, numbers: Sequence[int]) -> None:
    """These and no others, in this order."""
    expect(page.locator("#runs tbody th code")).to_have_text([f"r{n:03}" for n in numbers])


def test_the_order_is_changed_with_the_arrows(page: Page, paged: str):
    open_page(page, paged)
    expect_runs(page, NEWEST[:50])
    order = page.get_by_role("combobox", name="Order")

    order.focus()
    page.keyboard.press("ArrowDown")

    expect_runs(page, OLDEST[:50])
    expect(page).to_have_url(re.compile(r"\?sort=oldest$"))
    expect(order).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect_runs(page, LONGEST[:50])
    expect(page).to_have_url(re.compile(r"\?sort=longest$"))
    page.keyboard.press("Home")
    expect_runs(page, NEWEST[:50])


@pytest.mark.parametrize(
    ("sort", "link", "order"),
    [("newest", "Older", NEWEST), ("oldest", "Newer", OLDEST), ("longest", "Shorter", LONGEST)],
)
def test_pages_follow_each_other_without_a_gap(
    page: Page, paged: str, sort: str, link: str, order: Sequence[int]
):
    open_page(page, f"{paged}?sort={sort}")
    expect_runs(page, order[:50])

    for part in (order[50:100], order[100:]):
        page.get_by_role("link", name=link).focus()
        page.keyboard.press("Enter")
        expect_runs(page, part)

    expect(page.get_by_role("link", name=link)).to_have_count(0)
    page.keyboard.press("j")
    expect(page.locator(f"#run-r{order[100]:03} th a")).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator(f"#run-r{order[101]:03} th a")).to_be_focused()
    page.get_by_role("link", name="Back to the first page").focus()
    page.keyboard.press("Enter")
    expect_runs(page, order[:50])


def test_keys_switch_to_another_project_and_to_its_domain(page: Page, server: Server, paged: str):
    run = server.submit("examples/abort_caught.py", "main", "--n", "1", "--sleep_for", "0.1")
    open_page(page, runs_url(server))
    expect(page.locator(f"#run-{run}")).to_be_visible()
    menu = page.locator("scope-menu details").first

    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(menu.locator("a[aria-current]")).to_have_text("flytesnacks")
    menu.get_by_role("link", name="paged").focus()
    page.keyboard.press("Enter")

    expect(page).to_have_url(paged)
    expect_runs(page, NEWEST[:50])
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")
    domains = page.locator("scope-menu details").nth(1)
    domains.locator("summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(domains).not_to_have_attribute("open", "")
    domains.locator("summary").press("Enter")
    domains.get_by_role("link", name="production").press("Enter")
    expect(page).to_have_url(re.compile(r"/domain/production/project/paged/runs$"))
    expect_runs(page, [])
    expect(page.locator("#runs").get_by_role("heading")).to_be_visible()
