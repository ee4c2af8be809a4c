"""While the pointer is over what can be done to a row, no frame puts another row there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.pages.run_page import open_run, popover, row, settle
from tests.support.server.commands import in_database
from tests.support.server.server import Server, wait_until

pytestmark = pytest.mark.e2e

# Which row is under the pointer, by the browser itself; and where the row that is meant lies.
UNDER = "([x, y]) => document.elementFromPoint(x, y)?.closest('#rows > .row')?.id ?? ''"
TOP = "(one) => one.getBoundingClientRect().top"
SHIFT = "() => document.getElementById('rows').style.translate"


@pytest.fixture
def make(server: Server, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Make a run of this shape that nothing but this test changes; gives its name."""
    name = "h" + format(abs(hash(request.node.name)) % 10**10, "x")

    def make_shape(shape: str) -> str:
        in_database(
            server, f"from tests.support import factories; factories.make_run({shape!r}, name={name!r})"
        )
        return name

    return make_shape


@pytest.fixture
def low_page(browser: Browser) -> Iterator[Page]:
    """Whose tree is higher than its window."""
    context = browser.new_context(viewport={"width": 1280, "height": 600}, reduced_motion="reduce")
    yield context.new_page()
    context.close()


def point_at_abort(page: Page, name: str) -> list[float]:
    """Move the pointer over the row's Abort; where it is."""
    row(page, name).locator("[data-abort]").hover()
    box = row(page, name).locator("[data-abort]").bounding_box()
    assert box
    at = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    assert page.evaluate(UNDER, at) == f"action-{name}"
    return at


def add_children(server: Server, run: str, parent: str, count: int) -> None:
    in_database(
        server,
        "from tests.support import factories; from runs.models import Run; "
        f"r = Run.objects.get(name={run!r}); p = r.actions.get(name={parent!r}); "
        f"[factories.add(r, f'{parent}-new{{n}}', parent=p, short_name='step_1') for n in range({count})]",
    )


def end(server: Server, run: str, *names: str) -> None:
    in_database(
        server,
        "from tests.support import factories; from runs.models import Action; from django.utils import timezone as t; "
        f"[factories.change(a, phase=5, ended_at=t.now()) for a in Action.objects.filter(run__name={run!r}, name__in={names!r})]",
    )


@pytest.mark.parametrize("shape", ["8", "60"], ids=["a short tree", "a long tree"])
def test_rows_that_come_above_go_round_the_row_under_the_pointer(
    page: Page, server: Server, make: Callable[[str], str], shape: str
):
    run = make(shape)
    open_run(page, server, run)
    at = point_at_abort(page, "a0-5")
    top = row(page, "a0-5").evaluate(TOP)

    add_children(server, run, "a0-1", 3)

    expect(row(page, "a0-1-new2")).to_be_attached()
    assert row(page, "a0-5").get_attribute("aria-rowindex") == "10"
    assert page.evaluate(UNDER, at) == "action-a0-5"
    assert abs(row(page, "a0-5").evaluate(TOP) - top) < 1
    # Once the pointer is elsewhere, the rows are where they belong.
    page.mouse.move(at[0] - 600, at[1])
    assert page.evaluate(SHIFT) == ""


def test_rows_that_go_above_leave_the_row_under_the_pointer(
    page: Page, server: Server, make: Callable[[str], str]
):
    run = make("12")
    open_run(page, server, run, "?look=running")
    at = point_at_abort(page, "a0-6")

    end(server, run, "a0-0", "a0-1", "a0-2")

    expect(row(page, "a0-2")).to_have_count(0)
    assert page.evaluate(UNDER, at) == "action-a0-6"
    page.mouse.move(at[0] - 600, at[1])
    assert page.evaluate(SHIFT) == ""
    expect(row(page, "a0-6")).to_have_attribute("aria-rowindex", "5")


def test_rows_that_are_sorted_anew_leave_the_row_under_the_pointer(
    page: Page, server: Server, make: Callable[[str], str]
):
    run = make("12")
    open_run(page, server, run, "?sort=phase")
    at = point_at_abort(page, "a0-6")

    end(server, run, "a0-0", "a0-1", "a0-2")

    expect(row(page, "a0-0")).to_have_attribute("aria-rowindex", "11")
    expect(row(page, "a0-6")).to_have_attribute("aria-rowindex", "5")
    assert page.evaluate(UNDER, at) == "action-a0-6"


def test_rows_that_come_above_while_one_scrolls_through_many_leave_it(
    low_page: Page, server: Server, make: Callable[[str], str]
):
    page, run = low_page, make("200")
    open_run(page, server, run)
    page.evaluate("document.querySelector('.tree').scrollTop = 100 * 32")
    expect(row(page, "a0-105")).to_be_in_viewport()
    at = point_at_abort(page, "a0-105")

    add_children(server, run, "a0-1", 5)

    expect(row(page, "a0-105")).to_have_attribute("aria-rowindex", "112")
    assert page.evaluate(UNDER, at) == "action-a0-105"


def test_a_row_that_is_asked_about_stays_and_so_does_its_box(
    page: Page, server: Server, make: Callable[[str], str]
):
    run = make("12")
    open_run(page, server, run)
    row(page, "a0-5").locator("[data-abort]").click()
    page.mouse.move(300, 20)
    before = popover(page).bounding_box()
    top = row(page, "a0-5").evaluate(TOP)

    add_children(server, run, "a0-1", 3)

    expect(row(page, "a0-1-new2")).to_be_attached()
    assert abs(row(page, "a0-5").evaluate(TOP) - top) < 1
    assert popover(page).bounding_box() == before


def test_a_row_that_slid_under_a_resting_pointer_asks_though_shift_is_down(
    page: Page, server: Server, make: Callable[[str], str]
):
    run = make("12")
    open_run(page, server, run, "?look=running")
    at = point_at_abort(page, "a0-6")
    page.keyboard.down("Shift")

    # What the pointer is over goes away itself: it cannot be held.
    end(server, run, "a0-6")
    expect(row(page, "a0-6")).to_have_count(0)
    wait_until(lambda: page.evaluate(UNDER, at) == "action-a0-7", "the next row is there")
    settle(page)  # long after that
    page.mouse.down()
    page.mouse.up()
    page.keyboard.up("Shift")

    expect(popover(page)).to_contain_text("Abort step_0 a0-7?")
    expect(row(page, "a0-7")).to_have_attribute("data-phase", "running")
