"""What the run page says beside its rows: in the tab, to screen readers, of what is hidden, not loaded, or not claimed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from runs.domain.phases import Phase
from tests.support.pages.connected import until_connected
from tests.support.pages.run_page import open_run, run_url
from tests.support.pages.states import Places
from tests.support.server.commands import make_demo, performing
from tests.support.server.parts import Parts, web_without_worker
from tests.support.server.server import Server, wait_until

pytestmark = pytest.mark.e2e

# As a page that was open when the server got another key.
FORGET = "() => document.querySelectorAll('[name=csrfmiddlewaretoken]').forEach((one) => { one.value = 'x'.repeat(64); })"
ROWS = 1 + 12 + 12 * 20


@pytest.fixture(scope="module")
def long_url(server: Server) -> str:
    """The page of a run that has ended, of which a window is loaded."""
    return server.url + make_demo(server, "12x20")


def test_the_tab_and_the_header_say_how_the_run_is(page: Page, server: Server, tmp_path: Path):
    gate = tmp_path / "gate"
    run = server.submit("tests/workflows/tidying.py", "tidies_up", "--gate", str(gate))
    wait_until(lambda: server.phase(run) is Phase.RUNNING, "it runs")
    open_run(page, server, run)
    icon = page.locator("link[rel=icon]")
    expect(page).to_have_title(f"Running · tidies_up · {run}")
    expect(icon).to_have_attribute("href", re.compile(r"favicons/running\.svg$"))

    server.abort(run, reason="seen enough")

    expect(page).to_have_title(f"Aborting · tidies_up · {run}")
    expect(icon).to_have_attribute("href", re.compile(r"favicons/aborting\.svg$"))
    expect(page.locator(".run-actions").get_by_role("button", name="Aborting…")).to_be_disabled()
    expect(page.locator("#run-header .note")).to_have_text(
        re.compile(
            r"^Aborting, asked \d+(\.\d)? s ago by .+: seen enough\. What runs is given time to clean up\.$"
        )
    )
    gate.touch()
    expect(page).to_have_title(f"Aborted · tidies_up · {run}")
    expect(icon).to_have_attribute("href", re.compile(r"favicons/aborted\.svg$"))
    expect(page.locator(".run-actions [data-abort]")).to_have_count(0)
    expect(page.locator("#run-header .note")).to_have_text(re.compile(r"^Aborted: seen enough · .+, .+$"))
    page.locator(".crumbs > a").click()
    expect(page.locator(f"#run-{run} .status")).to_have_text(re.compile(r"^Aborted: seen enough · .+, .+$"))


def test_the_icon_of_each_end_is_there(page: Page, server: Server):
    page.goto(server.url + make_demo(server, "3x4"))
    until_connected(page)  # no frame of an ended run comes after that

    for look in ("succeeded", "failed", "aborted", "timed-out", "running", "queued"):
        page.evaluate("(look) => { document.getElementById('run-summary').dataset.status = look; }", look)
        href = page.evaluate(
            "() => import('/static/js/page/favicon.js').then(({ showFavicon }) => { showFavicon();"
            "return document.querySelector('link[rel=icon]').href; })"
        )
        assert f"favicons/{look}.svg" in href
        answer = page.request.get(href)
        assert answer.headers["content-type"] == "image/svg+xml"


def test_counts_are_said_to_who_does_not_see_them(page: Page, server: Server):
    run = server.submit("examples/external_abort.py", "main", "--n", "3", "--sleep_for", "3600")
    names = server.wait_running(run, "long_sleeper", 3)
    open_run(page, server, run)

    server.abort(run, names[0])

    said = page.locator("body > [role=status].hidden")
    expect(said).to_have_text(re.compile("3 running.*1 aborted"))
    expect(page.locator("[role=treegrid] [aria-live], [role=treegrid] [role=status]")).to_have_count(0)
    server.abort(run)


def test_a_closed_branch_says_how_many_failed_below(page: Page, long_url: str):
    page.goto(long_url)
    until_connected(page)
    name = page.locator("#rows .row[data-phase=failed]:not([aria-expanded])").first.evaluate(
        "(row) => { while (row.ariaLevel !== '2') row = row.previousElementSibling; return row.id; }"
    )
    page.locator(f"[id='{name}'] .twist").click()

    closed = page.locator(f"[id='{name}'][aria-expanded=false]")
    expect(closed).to_have_attribute("aria-description", re.compile(r"^\d+ failed below$"))
    number = closed.get_attribute("data-hidden-failures") or "none"
    shown = closed.evaluate("(row) => getComputedStyle(row, '::before').content")
    assert number in shown or "attr(data-hidden-failures)" in shown


def test_keys_go_by_row_by_page_to_the_ends_and_to_the_parent(page: Page, long_url: str):
    page.goto(long_url)
    until_connected(page)
    focused = page.locator("#rows .row:focus")
    page.locator("#action-a0").focus()

    for key, index in [
        ("ArrowDown", 2), ("PageDown", 12), ("PageDown", 22), ("PageUp", 12), ("ArrowUp", 11), ("End", ROWS),
        ("PageUp", ROWS - 10), ("Home", 1),
    ]:  # fmt: skip
        page.keyboard.press(key)
        expect(focused).to_have_attribute("aria-rowindex", str(index))
        expect(focused).to_be_in_viewport()

    page.keyboard.press("End")
    expect(focused).to_have_attribute("aria-rowindex", str(ROWS))
    expect(focused).to_have_attribute("aria-level", "3")
    page.keyboard.press("ArrowLeft")
    expect(focused).to_have_attribute("aria-rowindex", str(ROWS - 20))
    expect(focused).to_have_attribute("aria-level", "2")


def test_a_link_to_an_action_far_down_shows_its_row_and_its_panel(page: Page, server: Server, long_url: str):
    run = long_url.rpartition("/")[2]
    name = list(server.actions(run))[-1]

    page.goto(f"{long_url}?action={name}")

    row = page.locator(f"[id='action-{name}']")
    expect(row).to_be_in_viewport()
    expect(row).to_have_attribute("aria-selected", "true")
    expect(row).to_have_attribute("tabindex", "0")
    expect(page.locator(f"#panel[data-name='{name}']")).to_be_visible()
    until_connected(page)
    expect(row).to_be_in_viewport()


def test_a_line_says_which_rows_are_loaded_and_leads_to_the_filter(page: Page, long_url: str):
    page.goto(long_url)
    until_connected(page)
    line = page.locator("[data-loaded]")
    expect(line).to_have_text(re.compile(rf"^Rows 1–\d+ of {ROWS} are loaded; find with /$"))

    page.locator("#action-a0").focus()
    page.keyboard.press("End")
    expect(line).to_have_text(re.compile(rf"^Rows \d+–{ROWS} of {ROWS} are loaded"))
    page.keyboard.press("1")
    expect(line).to_be_hidden()


def test_rows_that_come_below_the_view_are_counted_and_a_click_goes_there(page: Page, server: Server):
    page.set_viewport_size({"width": 1280, "height": 500})
    with performing(server, "30x10x4") as (_, run):
        page.goto(run_url(server, run))
        more = page.locator("[data-more]")

        expect(more).to_have_text(re.compile(r"^[\d,]+ more ↓$"))
        assert page.evaluate("document.querySelector('.tree').scrollTop") == 0, (
            "what is read stays where it is"
        )
        more.click()

        page.wait_for_function("() => document.querySelector('.tree').scrollTop > 100")


def test_a_second_attempt_shows_in_row_and_bar_and_the_panel_lists_each(page: Page, long_url: str):
    page.goto(long_url)
    until_connected(page)
    tried = page.locator("#rows .row:has(.attempt:not(:empty)):has(.lane > .failed)").first
    name = (tried.get_attribute("id") or "").removeprefix("action-")
    expect(tried.locator(".attempt")).to_have_text(re.compile(r"^[2-9]/\d$"))
    number = int((tried.locator(".attempt").inner_text()).split("/")[0])
    expect(tried.locator(".lane > .wait").first).to_be_attached()

    tried.locator("a.label").click()
    page.get_by_role("tab", name="Attempts").click()

    panel = page.locator(f"#panel[data-name='{name}']")
    expect(panel.locator("#attempts > li, #attempts tbody tr")).to_have_count(number)


@pytest.fixture
def no_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    """A server to which no worker has come."""
    with web_without_worker(tmp_path_factory.mktemp("unclaimed")) as parts:
        yield parts


def test_a_run_that_nobody_claims_says_for_how_long_why_and_what_helps(page: Page, no_worker: Parts):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    run = no_worker.submit("examples/external_abort.py", "main", "--n", "1", "--sleep_for", "3600")
    page.goto(run_url(no_worker, run))
    line = page.locator("#unclaimed")
    expect(line).to_have_text(
        re.compile(r"^No executor has claimed this run for \d+ s: .*no worker is connected: start one with")
    )
    first = line.inner_text()
    expect(line).not_to_have_text(first)  # it counts
    line.get_by_role("button", name="Copy command").click()
    assert page.evaluate("navigator.clipboard.readText()") == "flyteui worker"
    page.goto(f"{no_worker.url}/executors/")
    expect(page.locator("#no-worker")).to_contain_text("No worker is connected")
    page.goto(run_url(no_worker, run))

    no_worker.start_worker()

    expect(page.locator("#action-a0")).to_have_attribute("data-phase", "running")
    expect(line).to_have_count(0)
    no_worker.abort(run)
    assert no_worker.wait_ended(run) is Phase.ABORTED
    page.goto("about:blank")


def test_a_page_that_is_too_old_changes_nothing_says_so_and_keeps_the_way_back(
    failing_page: Page, places: Places
):
    page, url = failing_page, places.servers["busy"].url + places.paths["scene"]
    page.goto(f"{url}?action=a0-trial0")
    until_connected(page)
    page.locator("#panel [data-abort]").click()
    expect(page.locator("dialog[open] #abort-form")).to_be_visible()
    page.evaluate(FORGET)
    page.locator("dialog[open] button[type=submit]").click()
    expect(page.locator("dialog[open]")).to_contain_text("Nothing was changed; load the page again")

    page.goto(f"{url}/abort?action=a0-trial0")
    page.evaluate(FORGET)
    page.locator("main button[type=submit]").click()

    expect(page.get_by_role("heading", name="Forbidden")).to_be_visible()
    expect(page.get_by_role("link", name="All runs", exact=True)).to_be_visible()
    expect(page.locator("header .brand")).to_be_visible()
    assert places.servers["busy"].phase("scene", "a0-trial0") is Phase.RUNNING
