"""Whether a page of a run shows exactly what a page shows that is loaded now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, Page

from tests.support.pages.random_reader import BROKEN, NEXT_FRAME, SHOWN, difference, load_fresh
from tests.support.server.server import wait_until

COUNTING = "[data-since], [data-open], [data-for], [data-until]"
THREE_TICKS = """() => new Promise((done) => {
  let ticks = 0;
  document.addEventListener("tick", () => ++ticks === 3 && done());
})"""


def until_as_fresh(page: Page, browser: Browser, seconds: float = 20) -> None:
    """Wait until nothing differs; when something goes on to differ, fail and say what."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    found: list[Any] = []

    def is_same() -> bool:
        page.evaluate(NEXT_FRAME)
        shown = page.evaluate(SHOWN)
        fresh = load_fresh(context, page.url.partition("?")[0], shown)
        found[:] = [difference(shown, fresh), *page.evaluate(BROKEN)]
        return not any(found)

    try:
        _explained(is_same, found, seconds)
    finally:
        context.close()


def _explained(condition: Callable[[], bool], found: list[Any], seconds: float) -> None:
    try:
        wait_until(condition, "the page shows what a fresh one shows", seconds)
    except TimeoutError as error:
        raise AssertionError("\n".join(filter(None, found))) from error


def expect_still(page: Page) -> None:
    """Nothing on the page counts, and no duration is another one after three ticks of the clock."""
    durations = (
        "() => [...document.querySelectorAll('.row .took, #run-header .num')].map((one) => one.textContent)"
    )
    assert page.locator(COUNTING).count() == 0
    before = page.evaluate(durations)
    assert all(text.strip() for text in before)
    page.evaluate(THREE_TICKS)
    assert page.evaluate(durations) == before
