"""What the pages tell of things that do not move: why an action waits, that it cleans up, and through whom it was aborted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from runs.domain.phases import Phase
from tests.support.pages.run_page import abort_row, expect_phase, open_run, row
from tests.support.server.commands import make_demo
from tests.support.server.server import Server, wait_until


@pytest.fixture(scope="module")
def narrow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Its one executor holds three actions at most."""
    server = Server(
        tmp_path_factory.mktemp("home"), FLYTEUI_EXECUTOR_CAPACITY="3", FLYTEUI_MAX_EXECUTORS="1"
    ).start()
    yield server
    server.stop()


def test_what_is_queued_says_why_in_its_row_and_its_panel_and_among_the_executors(
    page: Page, narrow_server: Server
):
    server = narrow_server
    run = server.submit("examples/external_abort.py", "main", "--n", "5", "--sleep_for", "3600")
    running = server.wait_running(run, "long_sleeper", 3)
    waiting = wait_until(
        lambda: [one["name"] for one in server.named(run, "long_sleeper") if one["phase"] == Phase.QUEUED],
        "some are queued",
    )
    open_run(page, server, run, f"?action={waiting[0]}")

    status = row(page, waiting[0]).locator(".status")
    expect(status).to_have_text("Queued, slots full: 3 of 3 held")
    why = page.locator("#panel #waits")
    expect(why).to_contain_text("Why it waits")
    expect(why).to_contain_text("Slots full: 3 of 3 held.")
    page.goto(f"{server.url}/executors/")
    expect(page.locator(".waits li")).to_have_text("2 waiting: slots full: 3 of 3 held")
    expect(page.locator("#executors-facts")).to_contain_text("2 waiting")

    open_run(page, server, run, f"?action={waiting[0]}")
    held = [one["name"] for one in server.named(run, "long_sleeper") if one["phase"] == Phase.RUNNING]
    server.abort(run, held[0])
    # A slot is free now, for one of those that wait; it says so by itself.
    expect_phase(page, waiting[0], "running")
    expect(why).to_have_count(0)
    expect(status).to_have_text("Running")
    assert held[0] in running
    server.abort(run)


def test_a_row_that_cleans_up_says_since_when_and_who_asked(page: Page, server: Server, tmp_path: Path):
    gate = tmp_path / "gate"
    run = server.submit("tests/workflows/tidying.py", "main", "--gate", str(gate))
    (name,) = server.wait_running(run, "tidies_up", 1)
    open_run(page, server, run)
    status = row(page, name).locator(".status")

    abort_row(page, name)

    expect(status).to_have_text(re.compile(r"^Aborting, asked \d\.\d s ago by someone at the dashboard$"))
    first = status.inner_text()
    expect(status).not_to_have_text(first)  # it ticks
    expect(status).to_have_text(re.compile(r"^Aborting, asked \d+(\.\d)? s ago by someone at the dashboard$"))
    expect(row(page, name).locator("[data-abort]")).to_be_disabled()
    gate.touch()
    expect_phase(page, name, "aborted")
    expect(status).to_have_text(
        re.compile(r"^Aborted: no reason given · someone at the dashboard, [\d.]+ (s|min) ago$")
    )
    assert "tidy" in server.output(run, name)


def test_the_chain_of_an_abort_leads_to_whom_it_went_through(page: Page, server: Server):
    path = make_demo(server, "12x20")
    run = path.rpartition("/")[2]
    actions = server.actions(run)
    child = next(
        one for one in actions.values()
        if one["target"] and one["target"] not in {one["name"], "a0"} and one["phase"] == Phase.ABORTED
    )  # fmt: skip
    target = actions[child["target"]]
    page.goto(f"{server.url}{path}?action={child['name']}")
    panel = page.locator("#panel")
    through = panel.locator(".chain a[data-select]")
    expect(panel.locator(".chain")).to_contain_text(target["actor"])
    expect(through).to_contain_text(target["name"])

    through.focus()
    page.keyboard.press("Enter")

    expect(panel).to_have_attribute("data-name", target["name"])
    expect(panel.locator(".chain")).to_contain_text("asked of this action")
    expect(panel.locator(".chain")).to_contain_text(target["reason"])
    expect(panel.locator(".chain a[data-select]")).to_have_count(0)
    expect(page).to_have_url(re.compile(rf"\?action={re.escape(target['name'])}$"))
    expect(row(page, target["name"])).to_have_attribute("aria-selected", "true")
