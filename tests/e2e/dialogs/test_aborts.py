"""How the run page asks for aborts, one and many, and what it shows of what does not stop or waits for a person."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from runs.domain.phases import Phase
from tests.support.pages.run_page import abort_row, dialog, expect_phase, open_run, row, toasts
from tests.support.server.commands import in_database
from tests.support.server.server import Server, wait_until


@pytest.fixture
def run(server: Server) -> str:
    """A run whose three children wait to be aborted."""
    run = server.submit("examples/external_abort.py", "main", "--n", "3", "--sleep_for", "3600")
    server.wait_running(run, "long_sleeper", 3)
    return run


@pytest.fixture(scope="module")
def scene(server: Server) -> str:
    """A run that has everything in it that a row can say; no executor holds any of it."""
    in_database(server, "from tests.support.showcase import make_everything as m; m('scene')")
    return "scene"


@pytest.fixture
def quiet_page(browser: Browser) -> Iterator[Page]:
    """A page that may be refused something: Chromium writes that to the console, which fails the tests of the other one."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_the_dialog_counts_and_takes_a_key(page: Page, server: Server, run: str):
    first = server.named(run, "long_sleeper")[0]["name"]
    server.abort(run, first)
    server.wait_ended(run, first)
    open_run(page, server, run)

    page.get_by_role("button", name="Abort run…").click()

    expect(dialog(page)).to_contain_text("3 running: cancelled")
    expect(dialog(page)).to_contain_text("1 finished: stays as it is")
    expect(page.get_by_role("button", name="Keep running")).to_be_focused()
    page.keyboard.press("Control+Enter")
    expect(dialog(page)).to_have_count(0)
    expect(toasts(page)).to_contain_text(f"Aborting the run {run} and 2 below it · add a reason")
    expect_phase(page, "a0", "aborted")
    expect(page.locator("connection-status")).to_have_attribute("data-state", "ended")


def test_picked_rows_are_aborted_together(page: Page, server: Server, run: str):
    names = [action["name"] for action in server.named(run, "long_sleeper")]
    open_run(page, server, run)
    bar = page.get_by_role("toolbar", name="Selected actions")
    expect(bar).to_be_hidden()

    row(page, names[0]).get_by_role("checkbox").check()
    expect(bar).to_contain_text("1 selected")
    row(page, names[2]).locator(".status").click(modifiers=["Control"])
    expect(bar).to_contain_text("2 selected")
    expect(row(page, names[2]).get_by_role("checkbox")).to_be_checked()
    bar.get_by_role("button", name="Abort…").click()
    expect(dialog(page)).to_contain_text("Abort 2 selected actions?")
    dialog(page).locator("input[name=reason]").fill("two of them")
    dialog(page).get_by_role("button", name="Abort", exact=True).click()

    expect(toasts(page)).to_contain_text("Aborting 2 actions")
    expect(bar).to_be_hidden()
    expect_phase(page, names[0], "aborted")
    expect_phase(page, names[2], "aborted")
    expect_phase(page, names[1], "running")
    assert {server.actions(run)[name]["reason"] for name in (names[0], names[2])} == {"two of them"}
    server.abort(run)


def test_rows_are_picked_with_keys_alone(page: Page, server: Server, run: str):
    names = [action["name"] for action in server.named(run, "long_sleeper")]
    open_run(page, server, run)
    bar = page.get_by_role("toolbar", name="Selected actions")

    row(page, names[0]).focus()
    page.keyboard.press("Space")
    expect(bar).to_contain_text("1 selected")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    expect(bar).to_contain_text("3 selected")
    page.keyboard.press("Space")
    expect(bar).to_contain_text("2 selected")
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()
    row(page, names[2]).locator(".status").click(modifiers=["Shift"])
    expect(row(page, names[2])).to_be_focused()
    page.keyboard.press("c")
    expect(dialog(page)).to_contain_text(re.compile(r"Abort \d selected action"))
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    assert server.phases(run, "long_sleeper") == [Phase.RUNNING] * 3
    server.abort(run)


def test_a_pick_outlives_frames_and_ends_with_its_action(page: Page, server: Server, run: str):
    names = [action["name"] for action in server.named(run, "long_sleeper")]
    open_run(page, server, run)
    for name in names[:2]:
        row(page, name).get_by_role("checkbox").check()

    server.abort(run, names[0])

    expect_phase(page, names[0], "aborted")
    expect(page.get_by_role("toolbar", name="Selected actions")).to_contain_text("1 selected")
    expect(row(page, names[1]).get_by_role("checkbox")).to_be_checked()
    server.abort(run)


def test_a_chip_aborts_all_of_a_phase_and_never_the_root(page: Page, server: Server, run: str):
    open_run(page, server, run)

    page.get_by_role("button", name="Abort all that are running…").click()
    expect(dialog(page)).to_contain_text("Abort everything that is running?")
    expect(dialog(page)).to_contain_text("3 running")
    dialog(page).get_by_role("button", name="Abort", exact=True).click()

    expect(toasts(page)).to_contain_text("Aborting 3 actions")
    for action in server.named(run, "long_sleeper"):
        expect_phase(page, action["name"], "aborted")
    expect_phase(page, "a0", "succeeded")


def test_a_group_is_aborted_from_its_row(page: Page, server: Server):
    in_database(server, "from tests.support.showcase import make_everything as m; m('grouped')")
    open_run(page, server, "grouped")

    group = page.locator("#rows > .group")
    group.get_by_role("button", name="Abort the group trials…").click()
    expect(dialog(page)).to_contain_text("Abort the group trials under a0?")
    expect(dialog(page)).to_contain_text("3 running")
    expect(dialog(page)).to_contain_text("1 waiting: will not start")
    dialog(page).get_by_role("button", name="Abort", exact=True).click()

    expect(toasts(page)).to_contain_text("Aborting 4 actions, 1 stopped at once; 1 had ended already.")
    expect_phase(page, "a0-waiting", "aborted")
    expect(group.locator(".status")).to_contain_text("3 aborting, 2 aborted")
    # Nobody holds it, so nobody says that it has stopped: the page does not claim it either.
    expect_phase(page, "a0-trial0", "aborting")


def test_an_abort_that_comes_too_late_is_told_who_won(quiet_page: Page, server: Server):
    page = quiet_page
    in_database(server, "from tests.support.showcase import make_everything as m; m('raced')")
    open_run(page, server, "raced")

    def finish_first(route: Route) -> None:
        in_database(
            server,
            "from tests.support import factories; from runs.models import Action; from django.utils import timezone as t; "
            "a = Action.objects.get(name='a0-trial1', run__name='raced'); "
            "factories.change(a, phase=5, ended_at=t.now())",
        )
        route.continue_()

    page.route("**/runs/raced/abort", finish_first)
    abort_row(page, "a0-trial1")

    expect(toasts(page)).to_contain_text(
        re.compile(r"a0-trial1 had succeeded .+ m?s before\. Nothing was changed")
    )
    expect_phase(page, "a0-trial1", "succeeded")
    toasts(page).get_by_role("button", name="Close the message").click()
    expect(toasts(page)).to_be_empty()


def test_a_refusal_ticks_and_can_be_forced(page: Page, server: Server, scene: str):
    open_run(page, server, scene)
    status = row(page, "a0-refusing").locator(".status")
    expect(status).to_contain_text(re.compile(r"Refusing, (\d+ s|\dm \d+s) · closed (in \d+ s|now)"))
    before = status.inner_text()
    wait_until(lambda: status.inner_text() != before, "the clock ticks")

    row(page, "a0-refusing").get_by_role("button", name="Force").click()

    panel = page.locator("#panel")
    expect(panel).to_contain_text("Refusing to stop")
    expect(panel.get_by_role("region", name="Stack")).to_contain_text("await asyncio.sleep(3600)")
    expect(panel.get_by_role("button", name="Force")).to_be_focused()
    with page.expect_request("**/abort") as asked:
        page.keyboard.press("Enter")
    fields = parse_qs(asked.value.post_data or "")
    assert (fields["action"], fields["force"]) == (["a0-refusing"], ["1"])
    expect(toasts(page)).to_contain_text("a0-refusing")


def test_force_ends_a_real_refusal_and_its_neighbour_goes_on(page: Page, server: Server, tmp_path: Path):
    grace = "FLYTEUI_ABORT_GRACE_SECONDS=15"
    gate = ("--gate", str(tmp_path))
    run = server.submit("--env", grace, "tests/workflows/refusing.py", "main", "--kind", "swallows", *gate)
    name = server.wait_running(run, "swallows", 1)[0]
    wait_until(lambda: "began" in server.output(run, name), "it refuses from now on")
    open_run(page, server, run)

    abort_row(page, name)
    expect_phase(page, name, "aborting")
    expect(row(page, name)).to_have_attribute("data-phase", "refusing")
    row(page, name).get_by_role("button", name="Force").click()
    panel = page.locator("#panel")
    expect(panel).to_contain_text("2 other actions there are queued again")
    expect(panel.get_by_role("region", name="Stack")).to_contain_text("for_ever")
    panel.get_by_role("button", name="Force").click()

    expect_phase(page, name, "aborted")
    expect(panel).to_contain_text("Refused for")
    expect(panel).to_contain_text("ended when it was closed")
    expect(panel.locator(".chain dt")).to_contain_text(["Forced"])
    Path(tmp_path, "open").touch()
    expect_phase(page, "a0", "succeeded")
    assert len(server.query(
        "SELECT 1 FROM runs_attempt t JOIN runs_action a ON a.id = t.action_id JOIN runs_run r ON r.id = a.run_id "
        "WHERE r.name = ? AND a.short_name = 'neighbour'", run,
    )) == 1  # fmt: skip


def test_limits_and_retries_count_down(page: Page, server: Server, scene: str):
    open_run(page, server, scene)

    expect(row(page, "a0-slow").locator(".status")).to_contain_text(
        re.compile(r"Timing out, its max runtime was over .+ ago")
    )
    expect(row(page, "a0-flaky").locator(".status")).to_contain_text(
        re.compile(r"Retrying 2/3 in \d+m \d\ds")
    )
    expect(row(page, "a0-cached").locator(".status")).to_have_text("From cache")


def test_conditions_are_answered_from_the_row_and_the_panel(page: Page, server: Server):
    run = server.submit("tests/workflows/waiting.py", "asks_all")

    def waiting() -> dict[str, str]:
        rows = [one for one in server.actions(run).values() if one["phase"] == Phase.PAUSED]
        return {one["task_name"]: one["name"] for one in rows} if len(rows) == 4 else {}

    names = wait_until(waiting, "four conditions wait")
    open_run(page, server, run)
    panel = page.locator("#panel")

    row(page, names["ok"]).get_by_role("button", name="Answer").click()
    expect(dialog(page)).to_contain_text("Is it fine?")
    expect(dialog(page).get_by_role("button", name="Approve")).to_be_focused()
    page.keyboard.press("Enter")
    expect_phase(page, names["ok"], "succeeded")
    expect(dialog(page)).to_have_count(0)
    row(page, names["ok"]).locator("a.label").click()
    expect(panel).to_contain_text("Answered")
    expect(panel).to_contain_text("someone at the dashboard")

    for title, text in {"size": "42", "share": "0.5", "word": "a <b> c"}.items():
        row(page, names[title]).locator("a.label").click()
        expect(panel).to_have_attribute("data-name", names[title])
        panel.get_by_role("textbox", name="Value").focus()
        page.keyboard.type(text)
        page.keyboard.press("Enter")
        expect_phase(page, names[title], "succeeded")
        expect(panel).to_contain_text(text)

    expect_phase(page, "a0", "succeeded")
    assert "bool=True int=42 float=0.5 str='a <b> c'" in server.cli("get", "io", run)


def test_a_wrong_answer_is_refused_in_place(quiet_page: Page, server: Server, scene: str):
    page = quiet_page
    open_run(page, server, scene, "?action=a0-rows")
    panel = page.locator("#panel")

    panel.get_by_role("textbox", name="Value").fill("many")
    panel.get_by_role("button", name="Answer").click()

    expect(panel.get_by_role("alert")).to_contain_text("'many' is not an integer")
    expect(panel.get_by_role("textbox", name="Value")).to_be_focused()
    expect(panel.get_by_role("textbox", name="Value")).to_have_value("many")
    expect_phase(page, "a0-rows", "paused")


@pytest.mark.parametrize("width", [1440, 1280, 1000, 390, 320])
def test_everything_fits_and_has_a_name(browser: Browser, server: Server, scene: str, width: int):
    context = browser.new_context(viewport={"width": width, "height": 780})
    page = context.new_page()
    for query in ("", "?action=a0-refusing", "?action=a0-ship", "?action=a0-trial9"):
        open_run(page, server, scene, query)
        row(page, "a0-trial0").get_by_role("checkbox").dispatch_event("click")

        assert page.evaluate("document.documentElement.scrollWidth") <= width
        tree = page.locator(".tree")
        assert tree.evaluate("(one) => one.scrollWidth <= one.clientWidth"), query
        unnamed = "[...document.querySelectorAll('button, input, a')].filter((one) => one.checkVisibility() && !one.ariaLabel "
        unnamed += "&& !one.textContent.trim() && !one.labels?.length && one.type !== 'hidden').map((one) => one.outerHTML)"
        assert page.evaluate(unnamed) == []
    context.close()
