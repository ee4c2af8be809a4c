"""A row's Abort asks beside the row, at once, from what the page knows; with Shift it does not ask."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from runs.domain.phases import Phase
from tests.support.pages.held_requests import hold, until_held
from tests.support.pages.run_page import (
    abort_row,
    abort_row_at_once,
    dialog,
    expect_phase,
    open_run,
    popover,
    row,
    settle,
    toasts,
)
from tests.support.server.commands import in_database
from tests.support.server.server import Server

# In one task of the page, so that nothing can have come from the server: what the box says right after the click.
PRESS = """(name) => {
  document.querySelector(`#action-${name} [data-abort]`).click();
  const box = document.querySelector("#abort-popover:popover-open");
  return box && [box.querySelector("h2").textContent.trim(), document.activeElement.name];
}"""


# Of the scene: the task, and the inputs that tell it from its siblings.
TRIAL0 = "trial number=0 corpus=s3://corpus/web-2026-11/part-00000.parquet"


@pytest.fixture
def run(server: Server) -> Iterator[str]:
    """A run whose three children wait to be aborted."""
    run = server.submit("examples/external_abort.py", "main", "--n", "3", "--sleep_for", "3600")
    server.wait_running(run, "long_sleeper", 3)
    yield run
    server.abort(run)


@pytest.fixture(scope="module")
def scene(server: Server) -> str:
    """A run that has everything in it that a row can say; no executor holds any of it, and no test here changes it."""
    in_database(server, "from tests.support.showcase import make_everything as m; m('still')")
    return "still"


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 780}, has_touch=True)
    yield context.new_page()
    context.close()


def box_of(page: Page, selector: str) -> dict[str, float]:
    box: dict[str, float] = page.locator(selector).evaluate("(one) => one.getBoundingClientRect().toJSON()")
    return box


def test_it_is_there_before_the_server_has_been_asked(page: Page, server: Server, scene: str):
    open_run(page, server, scene)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))

    said = page.evaluate(PRESS, "a0-trial0")

    assert said == [f"Abort {TRIAL0}?", "reason"]
    button, box = box_of(page, "#action-a0-trial0 .stop"), box_of(page, "#abort-popover")
    gap = max(box["top"] - button["bottom"], button["top"] - box["bottom"])  # below it, or above
    assert 0 <= gap <= 12
    assert abs(box["right"] - button["right"]) <= 8
    page.keyboard.press("Escape")
    expect(popover(page)).to_have_count(0)
    # A row without children has nothing to count either.
    assert [url for url in sent if "abort" in url] == []


def test_enter_aborts_with_the_reason_that_was_typed(page: Page, server: Server, run: str):
    victim = server.named(run, "long_sleeper")[1]["name"]
    open_run(page, server, run)

    abort_row(page, victim, "val_acc below 0.6")

    expect_phase(page, victim, "aborted")
    stored = server.actions(run)[victim]
    assert (stored["reason"], stored["actor"]) == ("val_acc below 0.6", "someone at the dashboard")
    assert server.phases(run, "long_sleeper").count(Phase.RUNNING) == 2


def test_escape_and_a_click_elsewhere_keep_it_running(page: Page, server: Server, scene: str):
    open_run(page, server, scene)
    button = row(page, "a0-trial0").locator("[data-abort]")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))

    button.click()
    page.keyboard.type("half a rea")
    page.keyboard.press("Escape")
    expect(popover(page)).to_have_count(0)
    expect(button).to_be_focused()

    button.click()
    expect(popover(page).get_by_label("Reason")).to_have_value("")
    page.locator(".bar").click(position={"x": 500, "y": 3})
    expect(popover(page)).to_have_count(0)

    button.click()
    popover(page).get_by_role("button", name="Keep running").click()
    expect(popover(page)).to_have_count(0)
    expect_phase(page, "a0-trial0", "running")
    assert "POST" not in sent


def test_a_second_click_and_a_held_enter_abort_nothing(page: Page, server: Server, scene: str):
    open_run(page, server, scene)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))

    row(page, "a0-trial0").locator("[data-abort]").dblclick()
    expect(popover(page)).to_have_count(1)
    page.keyboard.press("Escape")
    row(page, "a0-trial0").locator("[data-abort]").focus()
    page.keyboard.down("Enter")
    expect(popover(page).get_by_label("Reason")).to_be_focused()
    page.keyboard.down("Enter")  # without an up between, it is a repeat
    page.keyboard.up("Enter")

    expect(popover(page)).to_have_count(1)
    assert "POST" not in sent


def test_counts_of_what_is_below_fill_in(page: Page, server: Server, run: str):
    open_run(page, server, run)
    held = hold(page, "**/abort?action=a0")

    row(page, "a0").locator("[data-abort]").click()

    expect(popover(page)).to_contain_text(f"Abort the run {run}?")
    expect(popover(page)).to_contain_text("Counting what is below…")
    page.keyboard.type("all of ")
    until_held(page, held)
    held[0].continue_()
    expect(popover(page)).to_contain_text("4 running: cancelled")
    page.keyboard.type("it")
    popover(page).get_by_role("button", name="Abort run").click()
    expect_phase(page, "a0", "aborted")
    assert {one["reason"] for one in server.actions(run).values()} == {"all of it"}


def test_what_could_not_be_sent_keeps_the_reason_and_can_be_sent_again(
    failing_page: Page, server: Server, run: str
):
    page, victim = failing_page, server.named(run, "long_sleeper")[0]["name"]
    open_run(page, server, run)
    page.route("**/abort", lambda route: route.abort())

    row(page, victim).locator("[data-abort]").click()
    page.keyboard.type("wrong data")
    page.keyboard.press("Enter")
    expect(popover(page).get_by_role("alert")).to_contain_text("it is not known whether this was done")
    expect(popover(page).get_by_label("Reason")).to_have_value("wrong data")
    page.unroute("**/abort")
    page.keyboard.press("Enter")

    expect_phase(page, victim, "aborted")
    assert server.actions(run)[victim]["reason"] == "wrong data"


def test_it_says_so_when_somebody_else_was_faster(page: Page, server: Server, run: str):
    victim = server.named(run, "long_sleeper")[0]["name"]
    open_run(page, server, run)
    row(page, victim).locator("[data-abort]").click()

    server.abort(run, victim, reason="from elsewhere")

    expect(popover(page)).to_contain_text(re.compile(r"Aborted.*Nothing is left to abort"))
    expect(popover(page).get_by_role("button", name="Abort", exact=True)).to_be_disabled()


def test_shift_and_a_click_abort_without_asking_and_the_title_says_so(page: Page, server: Server, run: str):
    first, second = (one["name"] for one in server.named(run, "long_sleeper")[:2])
    open_run(page, server, run)
    row(page, first).locator("[data-abort]").hover()
    expect(row(page, first).locator("[data-abort]")).to_have_attribute(
        "title", "Shift+click aborts without asking"
    )

    abort_row_at_once(page, first)

    expect_phase(page, first, "aborted")
    expect(popover(page)).to_have_count(0)
    expect(dialog(page)).to_have_count(0)
    expect(toasts(page)).to_contain_text(first)
    # No range of rows was picked either.
    expect(page.get_by_role("toolbar", name="Selected actions")).to_be_hidden()
    assert server.phase(run, second) is Phase.RUNNING


def test_a_reason_is_added_afterwards_by_keys_and_the_row_has_it(page: Page, server: Server, run: str):
    first, second = (one["name"] for one in server.named(run, "long_sleeper")[:2])
    open_run(page, server, run)
    abort_row_at_once(page, first)
    expect(toasts(page)).to_have_text(f"Aborting long_sleeper {first} · add a reason · run again")
    expect(row(page, first).locator(".status")).to_have_text(
        re.compile(r"^Aborted: no reason given · someone at the dashboard, [\d.]+ (s|min) ago$")
    )

    toasts(page).get_by_role("button", name="add a reason").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("never mind")
    page.keyboard.press("Escape")
    expect(toasts(page).get_by_role("button", name="add a reason")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("val_acc <b> below 0.6")
    page.keyboard.press("Enter")

    expect(toasts(page)).to_have_text("Reason added: val_acc <b> below 0.6")
    expect(row(page, first).locator(".status")).to_have_text(
        re.compile(r"^Aborted: val_acc <b> below 0\.6 · someone at the dashboard, [\d.]+ (s|min) ago$")
    )
    assert page.evaluate("document.activeElement !== document.body")
    assert server.actions(run)[first]["reason"] == "val_acc <b> below 0.6"

    # What has its reason is not asked for one.
    abort_row(page, second, "too slow")
    expect(toasts(page)).to_contain_text(f"Aborting long_sleeper {second}")
    expect(toasts(page).get_by_role("button", name="add a reason")).to_have_count(0)


def test_a_reason_that_somebody_gave_before_stays(failing_page: Page, server: Server, run: str):
    page, victim = failing_page, server.named(run, "long_sleeper")[0]["name"]
    open_run(page, server, run)
    abort_row_at_once(page, victim)
    toasts(page).get_by_role("button", name="add a reason").click()
    in_database(
        server,
        f"from runs.models import Abort; Abort.objects.filter(target__name={victim!r}).update(reason='first')",
    )

    page.keyboard.type("second")
    page.keyboard.press("Enter")

    expect(toasts(page).get_by_role("alert")).to_contain_text("it stays: first")
    assert server.actions(run)[victim]["reason"] == "first"


def test_with_shift_a_row_that_has_just_moved_asks(page: Page, server: Server, scene: str):
    open_run(page, server, scene)

    page.evaluate("document.querySelector('run-tree').movedAt = 1e12")
    row(page, "a0-trial0").locator("[data-abort]").click(modifiers=["Shift"])

    expect(popover(page)).to_contain_text(f"Abort {TRIAL0}?")
    expect_phase(page, "a0-trial0", "running")


def test_with_shift_a_button_that_is_only_an_icon_asks(phone: Page, server: Server, scene: str):
    page = phone
    open_run(page, server, scene)
    settle(page)
    button = row(page, "a0-trial0").locator("[data-abort]")
    button.hover()
    expect(button).not_to_have_attribute("title", re.compile("Shift"))

    button.click(modifiers=["Shift"])

    expect(popover(page)).to_contain_text(f"Abort {TRIAL0}?")
    page.keyboard.press("Escape")
    button.tap()
    expect(popover(page)).to_have_count(1)
    box = box_of(page, "#abort-popover")
    assert box["left"] >= 0
    assert box["right"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_condition_is_aborted_from_its_dialog_its_panel_and_by_a_key(
    page: Page, server: Server, scene: str
):
    open_run(page, server, scene)
    expect(row(page, "a0-ship").locator(".act button")).to_have_text(["Answer"])

    row(page, "a0-ship").get_by_role("button", name="Answer").click()
    dialog(page).get_by_role("button", name="Abort…").click()
    expect(dialog(page)).to_contain_text("Abort ship a0-ship?")
    dialog(page).get_by_role("button", name="Keep running").click()
    expect(dialog(page)).to_have_count(0)

    row(page, "a0-ship").focus()
    page.keyboard.press("c")
    expect(popover(page)).to_contain_text("Abort ship a0-ship?")
    page.keyboard.press("Escape")
    row(page, "a0-ship").locator("a.label").click()
    page.locator("#panel").get_by_role("button", name="Abort…").click()
    expect(dialog(page)).to_contain_text("Abort ship a0-ship?")
    page.keyboard.press("Escape")


@pytest.mark.parametrize("size", [(1280, 800), (390, 780), (320, 480)])
def test_it_fits_wherever_its_row_is(browser: Browser, server: Server, scene: str, size: tuple[int, int]):
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    open_run(page, server, scene)

    for name in ("a0", "a0-waiting"):
        row(page, name).locator("[data-abort]").click()
        box = box_of(page, "#abort-popover")
        assert 0 <= box["left"] < box["right"] <= width
        assert 0 <= box["top"] < box["bottom"] <= height
        page.keyboard.press("Escape")
        expect(popover(page)).to_have_count(0)
    context.close()
