"""Each dialog, box and menu opens from what its page has: while no request is answered, and where it needs nothing without one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.support.pages.held_requests import hold
from tests.support.pages.states import Places, State

pytestmark = pytest.mark.e2e

DIALOG = "dialog[open]"
# In one task of the page: nothing that a server sends can come in between. It has the focus.
OPEN = """([control, box]) => {
  document.querySelector(control).click();
  const open = document.querySelector(box);
  return open?.checkVisibility() && open.contains(document.activeElement) ? open.innerText : "";
}"""


@dataclass(frozen=True)
class Opening:
    """What is clicked, what opens, and what that says. asks: whether it asks the server for the rest; is_menu: it takes no focus."""

    control: str
    says: str
    box: str = DIALOG
    asks: bool = True
    is_menu: bool = False


def pick(selector: str) -> Callable[[Page], None]:
    return lambda page: page.locator(selector).first.dispatch_event("click")


RUN = State("run", "{scene}?q=trial", pick("#action-a0-trial0 .pick input"))
RUNS = State("runs", "{runs}", pick("#runs tbody .pick input[data-live]"))
OPENINGS: list[tuple[State, list[Opening]]] = [
    (RUN, [
        Opening(".run-actions [data-abort]", "Abort the run scene?"),
        Opening("#rows > .group [data-abort-group]", "Abort the group trials under a0?"),
        Opening("[data-abort-matching]", "Abort everything that matches “trial”?"),
        Opening("#run-summary [data-abort-phase=running]", "Abort everything that matches “trial” · running?"),
        Opening(".bulk [data-abort-picked]", "Abort 1 selected action?"),
        Opening("#action-a0 [data-abort]", "Abort the run scene?", "#abort-popover:popover-open"),
        Opening("#action-a0-trial0 [data-abort]", "Abort trial number=0", "#abort-popover:popover-open"),
        Opening("#run-header [data-answer]", "ship a0-ship"),
        Opening("[data-keys]", "Keys", asks=False),
    ]),
    (State("run that has ended", "{ended}"), [Opening(".run-actions [data-delete]", "Delete the run ")]),
    (RUNS, [
        Opening(".bulk [data-abort-picked]", "Abort the run "),
        Opening(".bulk [data-delete-picked]", "Delete the run "),
        Opening("[data-keys]", "Keys", asks=False),
        Opening("saved-views summary", "Keep a filter under a name", ".views-menu", asks=False, is_menu=True),
        Opening(".more-filters > summary", "Since and until", ".more-filters[open]", asks=False, is_menu=True),
        Opening(".scope summary", "flytesnacks", ".scope details[open]", asks=False, is_menu=True),
    ]),
    (State("waiting", "/waiting/"), [Opening("#waiting [data-answer=a0-ship]", "ship a0-ship")]),
    (State("executors", "/executors/"), [
        Opening("[popovertarget^=drain-]", "Drain executor", "form.popover:popover-open", asks=False),
    ]),
    (State("secrets", "/secrets/"), [Opening("[data-delete-secret]", "Delete the secret ")]),
]  # fmt: skip


@pytest.mark.parametrize(("state", "openings"), OPENINGS, ids=[state.name for state, _ in OPENINGS])
def test_what_opens_waits_for_nothing(page: Page, places: Places, state: State, openings: list[Opening]):
    places.show(page, state)
    page.wait_for_load_state("networkidle")

    for opening in openings:
        held = hold(page, "**/*")
        box = page.locator(opening.box)

        if opening.is_menu:
            page.locator(opening.control).first.click()
            expect(box).to_contain_text(opening.says)
        else:
            assert opening.says in page.evaluate(OPEN, [opening.control, opening.box])

        assert opening.asks or not held, held[0].request.url
        for route in held:
            route.continue_()
        page.unroute("**/*")
        expect(box.locator("[aria-busy=true], .waiting")).to_have_count(0)
        page.keyboard.press("Escape")
        if opening.box == DIALOG:
            expect(box).to_have_count(0)
