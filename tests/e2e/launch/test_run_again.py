"""A run is run again in the browser: one input changed, all kinds of inputs, errors, no JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from runs.domain.phases import Phase
from tests.support.pages.axe import SCHEMES, violations
from tests.support.pages.run_list import open_page
from tests.support.pages.run_page import abort_row_at_once, dialog, open_run, run_url, toasts
from tests.support.pages.steps import Steps
from tests.support.server.commands import in_database
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e
FILE = "tests/workflows/reruns.py"
RUNS = "/v2/domain/development/project/flytesnacks/runs"
A_DAY_BEFORE = """
from datetime import timedelta
from django.db.models import F
from runs.models import Action, Run
day = timedelta(days=1)
Run.objects.filter(name=%r).update(created_at=F("created_at") - day)
moments = {name: F(name) - day for name in ("created_at", "started_at", "ended_at")}
Action.objects.filter(run__name=%r).update(**moments)
"""


@pytest.fixture(scope="module")
def failed(server: Server) -> str:
    """Yesterday's failure: a limit was too low."""
    run = server.submit(FILE, "main", "--n", "20", "--name", "yesterday")
    assert server.wait_ended(run) is Phase.FAILED
    in_database(server, A_DAY_BEFORE % (run, run))
    return run


@pytest.fixture(scope="module")
def everything(server: Server) -> tuple[str, str]:
    """A run, and its action with an input of each kind."""
    run = server.submit(FILE, "give_everything")
    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    return run, server.named(run, "everything")[0]["name"]


@pytest.fixture
def plain_page(browser: Browser) -> Iterator[Page]:
    """Without JavaScript, on a phone."""
    context = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 780})
    yield context.new_page()
    context.close()


def open_form(page: Page, server: Server, run: str, action: str = "") -> None:
    page.goto(f"{run_url(server, run)}/rerun" + (f"?action={action}" if action else ""))


def new_run(page: Page, source: str) -> str:
    """The run at whose page one is, once it is another one."""
    page.wait_for_url(re.compile(rf"/runs/(?!{source}\b)[a-z0-9-]+$"))
    return page.url.rpartition("/")[2]


def output_of(server: Server, run: str) -> str:
    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)["a0"]["error_message"]
    return str(server.cli("get", "io", run))


def test_yesterdays_failure_runs_again_with_one_input_changed_by_keys_alone(
    page: Page, server: Server, failed: str
):
    steps = Steps(page)
    open_page(page, server.url + RUNS)
    steps.begin()
    page.get_by_role("button", name="Yesterday").press("Enter")
    page.locator(f"#run-{failed} th a").press("Enter")
    expect(page.locator("connection-status")).to_have_attribute("data-state", "ended")
    page.keyboard.press("r")
    expect(page.get_by_role("heading", name="Run main again")).to_be_visible()
    expect(field(page, "n")).to_be_focused()
    page.keyboard.press("Tab")  # which selects what is in the next one
    expect(field(page, "limit")).to_be_focused()
    page.keyboard.type("1000")
    expect(page.locator("[data-changes]")).to_have_text("1 changed")
    page.keyboard.press("Enter")

    again = new_run(page, failed)
    steps.expect_at_most(6, requests=8)
    expect(page.locator(".relations")).to_contain_text(f"Rerun of {failed}")
    assert "yesterday: 400, no mode" in output_of(server, again)
    page.locator(".relations a[data-phase]").click()
    expect(page.locator(".relations")).to_contain_text(f"Run again as {again}")


def test_each_kind_of_input_is_shown_changed_and_given_to_the_task(
    page: Page, server: Server, everything: tuple[str, str]
):
    run, action = everything
    page.goto(f"{run_url(server, run)}?action={action}")
    page.locator("#panel-pane [data-rerun]").click()
    values: dict[str, Any] = {
        "text": "one\ntwo", "count": "3", "share": "0.25", "is_on": "false", "colour": "RED", "at": "2026-01-31T10:00:00Z",
        "least": "1h 30m", "either": "x", "names": '["ann", "bob"]', "weights": '{"a": 0.5}', "source": "s3://bucket/file.csv",
        "model.depth": "2", "model.tags": '["a"]', "data.path": "here", "data.is_shuffled": "false",
    }  # fmt: skip
    for name, value in values.items():
        expect(field(page, name)).to_have_value(value)
    expect(field(page, "maybe")).to_be_hidden()

    field(page, "text").fill("three\nfour")
    field(page, "share").fill("1e-3")
    field(page, "is_on").select_option("true")
    field(page, "colour").select_option("BLUE")
    field(page, "at").fill("2027-02-28 08:00")
    field(page, "least").fill("45s")
    page.get_by_label("Type of maybe").select_option("int")
    field(page, "maybe").fill("7")
    page.get_by_label("Type of either").select_option("int")
    field(page, "either").fill("8")
    field(page, "model.rate").fill("2")
    page.get_by_label("Type of rows").select_option("int")
    field(page, "data.rows").fill("9")
    field(page, "names").fill('["eve"]')
    field(page, "weights").fill('{"b": 2}')
    field(page, "source").fill("s3://bucket/other.csv")
    expect(page.locator("[data-changes]")).to_have_text("13 changed")
    page.evaluate("() => scrollTo(0, 0)")  # what the bar covers in part is no target
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert not (found := violations(page)), "\n".join(found)
    page.get_by_role("button", name="Run again").click()

    printed = output_of(server, new_run(page, run))
    for part in (
        "three", "four", "0.001", "True", "Colour.BLUE", "2027-02-28T08:00:00+00:00", "45.0", "7", "8", "depth=2, rate=2.0, tags=['a']",
        "rows=9", "['eve']", "{'b': 2.0}", "s3://bucket/other.csv",
    ):  # fmt: skip
        assert part in printed, printed


def names_of_runs(server: Server) -> set[str]:
    return {row["name"] for row in server.query("SELECT name FROM runs_run")}


def field(page: Page, name: str) -> Any:
    return page.locator(f'[name="in.{name}"]')


def test_an_error_is_at_its_field_with_the_focus_and_nothing_is_started(
    failing_page: Page, server: Server, failed: str
):
    page, before = failing_page, names_of_runs(server)
    open_form(page, server, failed)
    field(page, "n").fill("some")
    field(page, "limit").fill("5000")
    page.get_by_role("button", name="Run again").click()

    expect(page.get_by_role("alert")).to_contain_text("Nothing was started")
    expect(field(page, "n")).to_be_focused()
    expect(field(page, "n")).to_have_accessible_description('This must be an integer, not "some"')
    expect(field(page, "limit")).to_have_value("5000")
    assert violations(page) == []
    assert names_of_runs(server) == before
    field(page, "n").fill("3")
    page.keyboard.press("Enter")
    assert "yesterday: 9" in output_of(server, new_run(page, failed))


def test_a_change_is_marked_and_taken_back(page: Page, server: Server, failed: str):
    open_form(page, server, failed)
    expect(page.locator("[data-changes]")).to_have_text("Nothing changed")

    field(page, "name").fill("today")
    page.get_by_label("Environment variables").fill("MODE=fast")
    expect(page.locator("[data-changed]")).to_have_count(2)
    page.get_by_role("button", name="Undo the change of name").press("Enter")

    expect(field(page, "name")).to_have_value("yesterday")
    expect(field(page, "name")).to_be_focused()
    expect(page.locator("[data-changed]")).to_have_count(1)


def test_without_javascript_on_a_phone_it_runs_again_with_variables_and_a_name(
    plain_page: Page, server: Server, failed: str
):
    open_form(plain_page, server, failed)
    field(plain_page, "limit").fill("1000")
    plain_page.get_by_label("Environment variables").fill("MODE=fast")
    plain_page.get_by_label("Name", exact=True).fill("without-scripts")
    plain_page.get_by_role("button", name="Run again").click()

    assert new_run(plain_page, failed) == "without-scripts"
    assert "yesterday: 400, fast" in output_of(server, "without-scripts")
    assert plain_page.locator("#main").get_by_text("Rerun of").is_visible()


def test_what_was_just_aborted_is_run_again_from_its_toast(page: Page, server: Server):
    run = server.submit("examples/external_abort.py", "main", "--n", "1", "--sleep_for", "3600")
    server.wait_running(run, "long_sleeper", 1)
    (sleeper,) = server.named(run, "long_sleeper")
    open_run(page, server, run)
    abort_row_at_once(page, sleeper["name"])
    toasts(page).get_by_role("link", name="run again").click()

    expect(page.get_by_role("heading", name="Run long_sleeper again")).to_be_visible()
    expect(field(page, "sleep_for")).to_have_value("3600.0")
    field(page, "sleep_for").fill("0.1")
    page.keyboard.press("Enter")
    again = new_run(page, run)
    assert server.wait_ended(again) is Phase.SUCCEEDED
    server.abort(run)


def test_the_toast_about_a_condition_offers_no_rerun(page: Page, server: Server):
    in_database(server, "from tests.support.showcase import make_everything as m; m('asking')")
    open_run(page, server, "asking", "?action=a0-ship")
    page.locator("#panel-pane [data-abort]").click()
    dialog(page).locator("[type=submit]").click()

    expect(toasts(page)).to_contain_text("a0-ship")
    expect(toasts(page).get_by_role("link", name="run again")).to_have_count(0)


def test_a_recovery_from_the_form_takes_over_what_succeeded(page: Page, server: Server, failed: str):
    open_form(page, server, failed)
    field(page, "limit").fill("1000")
    page.get_by_label("Recover what succeeded").check()
    page.get_by_role("button", name="Run again").click()

    again = new_run(page, failed)
    assert "yesterday: 400" in output_of(server, again)
    assert server.phases(again, "square") == [Phase.RECOVERED]
