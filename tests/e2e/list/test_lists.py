"""The list of runs and the page of the executors in a real Chromium, with real runs and executors behind them."""

from __future__ import annotations

import re
import subprocess

import pytest
from playwright.sync_api import Page, expect

from runs.domain.phases import Phase
from tests.support.pages.run_list import open_page, runs_url
from tests.support.server.commands import manage
from tests.support.server.server import Server, wait_until

SIZES = [1280, 390, 320]


def start(server: Server) -> str:
    """A run whose two children sleep until they are stopped."""
    run = server.submit("examples/abort_caught.py", "main", "--n", "2", "--sleep_for", "3600")
    server.wait_running(run, "long_sleeper", 2)
    return run


def test_selected_runs_are_aborted_and_their_tasks_are_cancelled(page: Page, server: Server):
    first, second = start(server), start(server)
    open_page(page, runs_url(server, "?phase=running"))

    for run in (first, second):
        page.locator(f"#run-{run} .pick input").check()
    expect(page.locator(".bulk")).to_contain_text("2 selected")
    page.locator("[data-abort-picked]").click()
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("Abort 2 runs?")
    expect(dialog).to_contain_text("6 running: cancelled, with time to clean up")
    dialog.locator("input[name=reason]").fill("wrong data")
    dialog.locator("button[type=submit]").click()

    expect(page.locator("#toasts")).to_contain_text("Aborting 2 runs with 6 actions")
    expect(page.locator(".bulk")).to_be_hidden()
    for run in (first, second):
        assert server.wait_ended(run) is Phase.ABORTED
        assert server.actions(run)["a0"]["reason"] == "wrong data"
        # They run no more, so this list does not show them any more.
        expect(page.locator(f"#run-{run}")).to_have_count(0)
    page.get_by_role("checkbox", name="Running").uncheck()
    page.get_by_role("checkbox", name="Aborted").check()
    expect(page.locator(f"#run-{first} .status")).to_contain_text("Aborted")
    expect(page.locator(f"#run-{first} .phase-bar")).to_have_attribute("aria-label", "3 aborted")


def test_a_filter_applies_as_one_types_lives_on_and_stays_in_the_url(page: Page, server: Server):
    run = server.submit("examples/abort_caught.py", "main", "--n", "1", "--sleep_for", "0.1")
    server.wait_ended(run)
    open_page(page, runs_url(server))

    page.get_by_label("Search runs").press_sequentially(run[:12])
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(rf"\?q={run[:12]}$"))
    page.get_by_role("checkbox", name="Failed").focus()
    page.keyboard.press("Space")
    expect(page.locator("#no-match")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?q=\w+&phase=failed$"))
    expect(page.get_by_role("checkbox", name="Failed")).to_be_focused()

    page.reload()
    expect(page.get_by_role("checkbox", name="Failed")).to_be_checked()
    expect(page.locator("#no-match")).to_be_visible()
    page.locator(".filters .clear").click()
    expect(page.locator(f"#run-{run}")).to_be_visible()
    expect(page.locator(".filters .clear")).to_be_hidden()


@pytest.mark.parametrize(
    ("field", "found", "missed"),
    [
        ("Task", "main", "train"),
        ("Who", "ann", "nobody"),
        ("Label", "team=vision", "team=sound"),
        ("Since", "1h", "2999-01-01"),
        ("Until", "2999-01-01", "2h"),
    ],
)
def test_each_filter_finds_what_it_names_and_nothing_else(
    page: Page, labelled: str, field: str, found: str, missed: str
):
    open_page(page, labelled)
    page.locator(".more-filters > summary").click()

    page.get_by_label(field, exact=True).fill(missed)
    expect(page.locator("#no-match")).to_be_visible()
    expect(page).to_have_url(re.compile(rf"\?{field.lower()}="))
    page.get_by_label(field, exact=True).fill(found)
    expect(page.locator("#run-labelled")).to_be_visible()
    expect(page.locator("#no-match")).to_have_count(0)


@pytest.fixture(scope="module")
def labelled(server: Server) -> str:
    """The address of the list of a project that has one run, of ann, with a label."""
    manage(
        server, "shell", "-v", "0", "-c",
        "from tests.support.factories import make_run; "
        "make_run(name='labelled', project='vision', created_by='ann', labels={'team': 'vision'})",
    )  # fmt: skip
    return f"{server.url}/v2/domain/development/project/vision/runs"


def test_what_cannot_be_read_is_said_while_one_types(page: Page, server: Server):
    open_page(page, runs_url(server, "?task=main"))

    page.get_by_label("Since").fill("tomorrowish")
    expect(page.locator("#problem")).to_contain_text("is neither an age")
    page.get_by_label("Since").fill("24h")
    expect(page.locator("#problem")).to_have_count(0)


def test_an_executor_is_drained_with_a_click_and_leaves_when_it_holds_nothing(page: Page, server: Server):
    run = start(server)
    held_by = server.actions(run)["a0"]["executor_id"]
    open_page(page, f"{server.url}/executors/")
    line = page.locator(f'[id^="executor-{held_by[:8]}"]')
    expect(line.locator(".state")).to_contain_text("Connected")
    expect(line.locator(".holds")).to_contain_text(run)
    expect(line.locator(".load-line")).to_have_text(re.compile(r"\d+ of 20,000"))
    expect(line.locator(".link relative-time")).to_have_text(re.compile(r"ago|now"))

    line.get_by_role("button", name="Drain executor").click()
    asks = page.locator("form:popover-open")
    expect(asks).to_contain_text(re.compile(r"leaves when the \d+ actions? that it holds (has|have) ended"))
    expect(asks.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(asks).to_have_count(0)
    line.get_by_role("button", name="Drain executor").click()
    asks.get_by_role("button", name="Drain", exact=True).click()

    expect(page.locator("#toasts")).to_contain_text("takes nothing new")
    expect(line.locator(".state")).to_contain_text("Draining")
    expect(line.get_by_role("button", name="Drain")).to_have_count(0)
    # What comes now goes to another executor, while this one keeps what it holds.
    other = start(server)
    assert server.actions(other)["a0"]["executor_id"] != held_by
    assert server.phase(run) is Phase.RUNNING

    server.abort(run)
    server.abort(other)
    expect(line).to_have_count(0)
    gone = page.locator(f"#gone-{held_by[:8]}")
    expect(gone).to_contain_text("drained: someone at the dashboard asked it to leave")
    wait_until(lambda: server.phase(other) is Phase.ABORTED, "the other run has stopped")


def test_the_line_of_an_empty_list_starts_a_run_that_appears_there(page: Page, server: Server):
    open_page(page, f"{server.url}/v2/domain/staging/project/flytesnacks/runs")
    line = page.locator("#snippet-here").inner_text()

    subprocess.run(line, shell=True, cwd="/", env=server.env, check=True, timeout=180, capture_output=True)

    expect(page.locator("#runs tbody tr")).to_have_count(1)
    expect(page.locator("#empty")).to_have_count(0)
    name = (page.locator("#runs tbody tr").get_attribute("id") or "").removeprefix("run-")
    manage(server, "abort", name, "--domain", "staging")


@pytest.fixture(scope="module")
def production(server: Server) -> str:
    """The address of a list of 55 runs that have ended, r00 the oldest."""
    manage(
        server, "shell", "-v", "0", "-c",
        "from tests.support.factories import make_run; from runs.domain.phases import Phase\n"
        "for at in range(55): make_run(name=f'r{at:02}', domain='production', phase=Phase.SUCCEEDED)",
    )  # fmt: skip
    return f"{server.url}/v2/domain/production/project/flytesnacks/runs"


def test_a_long_list_has_pages_and_an_order(page: Page, production: str):
    open_page(page, production)
    names = page.locator("#runs tbody th code")
    expect(names).to_have_count(50)
    expect(names.first).to_have_text("r54")

    page.get_by_role("link", name="Older").click()
    expect(names).to_have_text(["r04", "r03", "r02", "r01", "r00"])
    page.get_by_role("link", name="Back to the first page").click()
    expect(names).to_have_count(50)

    page.get_by_label("Order").select_option("oldest")
    expect(names.first).to_have_text("r00")
    expect(page).to_have_url(re.compile(r"\?sort=oldest$"))
    page.get_by_role("link", name="Newer").click()
    expect(names).to_have_text(["r50", "r51", "r52", "r53", "r54"])


def test_the_domain_is_switched_in_the_bar_and_times_go_on(page: Page, server: Server, production: str):
    open_page(page, runs_url(server))

    page.locator(".scope summary", has_text="development").click()
    page.get_by_role("link", name="production").click()

    expect(page).to_have_url(production)
    expect(page.locator(".scope summary").nth(1)).to_contain_text("production")
    moment = page.locator("#run-r54 .when")
    shown = moment.inner_text()
    assert re.fullmatch(r".+ ago", shown)
    expect(moment).not_to_have_text(shown)  # it says minutes after the first of them


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_pages_fit_every_window(page: Page, server: Server, scheme: str):
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for url in (f"{server.url}/executors/", runs_url(server), runs_url(server, "?since=24h&q=nothing")):
        open_page(page, url)
        for width in SIZES:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (url, width)


def test_without_a_script_the_filter_is_a_form(page: Page, server: Server):
    browser = page.context.browser
    assert browser is not None
    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto(runs_url(server))

    plain.get_by_label("Search runs").fill("nothing")
    plain.get_by_role("button", name="Search").click()

    expect(plain.locator("#no-match")).to_be_visible()
    expect(plain).to_have_url(re.compile(r"q=nothing"))
    plain.context.close()
