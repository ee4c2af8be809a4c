"""Conditions answered from their rows: the dialog, its keys, wrong answers, and somebody else who was first."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.support import plain_http
from tests.support.pages.run_page import dialog, expect_phase, open_run, row, run_url
from tests.support.server.commands import in_database
from tests.support.server.server import Server

pytestmark = pytest.mark.e2e


@pytest.fixture
def scene(server: Server, request: pytest.FixtureRequest) -> str:
    """A run of this test alone with four conditions in it that wait."""
    name = "q" + format(abs(hash(request.node.name)) % 10**10, "x")
    in_database(server, f"from tests.support.showcase import make_everything as m; m({name!r})")
    return name


@pytest.fixture
def narrow_page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 390, "height": 780}, has_touch=True)
    yield context.new_page()
    context.close()


def press_answer(page: Page, name: str) -> None:
    row(page, name).get_by_role("button", name="Answer").click()
    expect(dialog(page).locator(".answer-box")).to_have_count(1)


def answer_as(server: Server, run: str, name: str, actor: str, value: str) -> None:
    """As another person's page does it."""
    url = f"{run_url(server, run)}/actions/{name}/signal"
    with plain_http.Client() as client:
        client.get(f"{run_url(server, run)}?action={name}")
        token = client.cookies["csrftoken"]
        headers = {"HX-Request": "true", "X-CSRFToken": token, "X-FlyteUI-Actor": actor, "Origin": server.url}
        assert client.post(url, data={"value": value}, headers=headers).status_code == httpx.codes.NO_CONTENT


def test_a_boolean_is_answered_over_its_row_with_keys_alone(page: Page, server: Server, scene: str):
    open_run(page, server, scene)
    row(page, "a0-ship").focus()
    for _ in range(7):
        page.keyboard.press("ArrowRight")
        if page.evaluate("document.activeElement.classList.contains('act')"):
            break
    page.keyboard.press("Enter")

    expect(dialog(page)).to_contain_text("Ship it?")
    expect(dialog(page).get_by_role("button", name="Approve")).to_be_focused()
    expect(page.locator("#panel-pane")).to_be_hidden()
    page.keyboard.press("Tab")
    expect(dialog(page).get_by_role("button", name="Reject")).to_be_focused()
    page.keyboard.press("Enter")

    expect(dialog(page)).to_have_count(0)
    expect(row(page, "a0-ship")).to_be_focused()
    expect_phase(page, "a0-ship", "succeeded")
    row(page, "a0-ship").locator("a.label").click()
    expect(page.locator("#panel .question")).to_contain_text("false")


def test_escape_closes_the_dialog_and_the_row_has_the_focus_again(page: Page, server: Server, scene: str):
    open_run(page, server, scene)
    press_answer(page, "a0-rows")
    expect(dialog(page).get_by_role("textbox", name="Value")).to_be_focused()

    page.keyboard.press("Escape")

    expect(dialog(page)).to_have_count(0)
    expect(row(page, "a0-rows")).to_be_focused()
    expect_phase(page, "a0-rows", "paused")


def test_a_wrong_answer_is_explained_and_can_be_put_right(failing_page: Page, server: Server, scene: str):
    page = failing_page
    open_run(page, server, scene, "?action=a0-rows")
    press_answer(page, "a0-rows")

    page.keyboard.type("many")
    page.keyboard.press("Enter")

    expect(dialog(page).get_by_role("alert")).to_contain_text("'many' is not an integer")
    expect(dialog(page).get_by_role("textbox", name="Value")).to_be_focused()
    expect(dialog(page).get_by_role("textbox", name="Value")).to_have_value("many")
    expect(page.locator("#panel .form-error")).to_be_empty()
    dialog(page).get_by_role("textbox", name="Value").fill("12")
    page.keyboard.press("Enter")
    expect(dialog(page)).to_have_count(0)
    expect_phase(page, "a0-rows", "succeeded")


def test_a_held_enter_opens_the_dialog_and_answers_nothing(page: Page, server: Server, scene: str):
    open_run(page, server, scene)
    row(page, "a0-ship").get_by_role("button", name="Answer").focus()

    page.keyboard.down("Enter")
    expect(dialog(page).get_by_role("button", name="Approve")).to_be_focused()
    sent: list[str] = []

    def note(request: Request) -> None:
        sent.append(request.method)

    page.on("request", note)
    page.keyboard.down("Enter")  # without an up between, it is a repeat
    page.keyboard.up("Enter")

    expect(dialog(page)).to_have_count(1)
    assert "POST" not in sent
    page.keyboard.press("Enter")
    expect_phase(page, "a0-ship", "succeeded")


def test_an_open_dialog_says_at_once_who_was_faster(page: Page, server: Server, scene: str):
    open_run(page, server, scene)
    press_answer(page, "a0-note")
    page.keyboard.type("half a na")

    answer_as(server, scene, "a0-note", "bo", "Halcyon")

    late = dialog(page).get_by_role("status")
    expect(late).to_have_text("It was answered meanwhile, by bo: Halcyon.")
    expect(dialog(page).get_by_role("button", name="Close")).to_be_focused()
    expect(dialog(page).locator("form")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(dialog(page)).to_have_count(0)
    expect(row(page, "a0-note")).to_be_focused()


def test_an_answer_that_comes_second_is_told_which_was_first(failing_page: Page, server: Server, scene: str):
    page = failing_page
    open_run(page, server, scene)
    press_answer(page, "a0-rate")

    def be_faster(route: Route) -> None:
        if route.request.method == "POST":
            answer_as(server, scene, "a0-rate", "bo", "0.25")
        route.continue_()

    page.route("**/a0-rate/signal", be_faster)
    page.keyboard.type("0.5")
    page.keyboard.press("Enter")

    expect(dialog(page).get_by_role("status")).to_have_text("It was answered meanwhile, by bo: 0.25.")


def test_a_condition_that_is_aborted_under_the_dialog_says_so(page: Page, server: Server, scene: str):
    open_run(page, server, scene)
    press_answer(page, "a0-ship")

    server.abort(scene, "a0-ship", reason="no time")

    expect(dialog(page).get_by_role("status")).to_have_text("It waits no more: aborted.")


def test_a_condition_is_answered_on_a_phone(narrow_page: Page, server: Server, scene: str):
    page = narrow_page
    open_run(page, server, scene)

    row(page, "a0-rows").get_by_role("button", name="Answer").tap()

    expect(dialog(page)).to_contain_text("How many rows may be wrong?")
    box = dialog(page).bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    dialog(page).get_by_role("textbox", name="Value").fill("3")
    dialog(page).get_by_role("button", name="Answer").tap()
    expect(dialog(page)).to_have_count(0)
    expect_phase(page, "a0-rows", "succeeded")
