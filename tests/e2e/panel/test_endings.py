"""An action whose code has ended while something that it has started goes on: its row and its panel say so, as long as it lasts."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from runs.domain.phases import Phase
from tests.support.pages.run_page import expect_phase, open_run, row
from tests.support.server.server import Server

# Nothing is ended by force while the test looks.
OPTIONS = (
    "--env",
    "FLYTEUI_ISOLATE=never",
    "--env",
    "FLYTEUI_ABORT_GRACE_SECONDS=300",
    "tests/workflows/leaving.py",
)
GOES_ON = "a thread in fit() goes on"


def width_of(part: Locator) -> float:
    width: float = part.evaluate("one => one.getBoundingClientRect().width")
    return width


def test_law_14_a_return_that_is_held_up_says_by_what(page: Page, server: Server, tmp_path: Path):
    run = server.submit(*OPTIONS, "leaves_thread", "--gate", str(tmp_path))
    open_run(page, server, run, "?action=a0")

    expect(row(page, "a0").locator(".status")).to_have_text(f"Ending: {GOES_ON}")
    ending = page.locator("#panel #ending")
    expect(ending).to_contain_text(f"Its code has ended, but {GOES_ON}.")
    expect(ending.locator(".stack pre")).to_contain_text("In a thread that it has started, in fit:")
    expect(ending.locator(".stack pre")).to_contain_text("in swallow")
    assert server.phase(run) is Phase.RUNNING, "its end is not said before"

    (tmp_path / "open").touch()
    expect_phase(page, "a0", "succeeded")
    expect(row(page, "a0").locator(".status")).to_have_text("Succeeded")
    expect(ending).to_have_count(0)


def test_an_abort_that_is_held_up_says_by_what(page: Page, server: Server, tmp_path: Path):
    run = server.submit(*OPTIONS, "leaves_thread_and_process", "--gate", str(tmp_path))
    open_run(page, server, run, "?action=a0")
    status = row(page, "a0").locator(".status")
    both = "a thread in fit() and a forked process go on"
    expect(status).to_have_text(f"Ending: {both}")

    server.abort(run)

    expect(status).to_have_text(f"Aborting: {both}")
    (tmp_path / "open").touch()
    expect_phase(page, "a0", "aborted")


def test_on_a_narrow_page_the_words_that_matter_take_the_place_of_the_status(
    page: Page, server: Server, tmp_path: Path
):
    page.set_viewport_size({"width": 390, "height": 800})
    run = server.submit(*OPTIONS, "leaves_thread", "--gate", str(tmp_path))
    open_run(page, server, run)
    status = row(page, "a0").locator(".status")
    expect(status).to_have_text(f"Ending: {GOES_ON}")  # also what a screen reader reads

    left = status.locator(".why").evaluate(
        "why => { const range = new Range(); range.selectNodeContents(why.lastChild); return range.getBoundingClientRect().left }"
    )
    assert width_of(status.locator("b")) <= 1
    assert left - status.evaluate("cell => cell.getBoundingClientRect().left") < 10, (
        "it begins where the cell does"
    )
    assert width_of(row(page, "a0").locator(".took")) <= 1, "and has the room of two cells"

    (tmp_path / "open").touch()
    expect_phase(page, "a0", "succeeded")
    assert width_of(status.locator("b")) > 20
    assert width_of(row(page, "a0").locator(".took")) > 20
