"""What has not run itself says so, and leads to the action that made its outputs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.pages.states import Places, State

# Of the demonstration: a row, its look, its words, and the action that made its outputs.
TAKEN = [
    ("m1.t0", "cached", "From cache m0.t0 of r", "m0.t0"),
    ("m0.t0", "recovered", "Recovered from r", "m0.t0"),
]


@pytest.mark.parametrize(("name", "look", "words", "source"), TAKEN)
def test_a_row_has_its_mark_and_a_link_to_what_made_its_outputs(
    page: Page, places: Places, name: str, look: str, words: str, source: str
):
    places.show(page, State("run", f"{{ended}}?look={look}"))
    row = page.locator(f"[id='action-{name}']")

    expect(row.locator(".phase-mark use")).to_have_attribute("href", f"#p-{look}")
    expect(page.locator(f"#p-{look}")).to_be_attached()
    expect(row.locator(".status")).to_contain_text(words)
    row.locator(".status a").click()

    expect(page).to_have_url(re.compile(rf"/runs/(?!{places.paths['ended'][-20:]})\w+\?action={source}$"))
    expect(page.locator("#panel")).to_have_attribute("data-name", source)
    expect(page.locator("#panel .pill")).to_have_text("Succeeded")


def test_the_link_is_reached_with_the_keys_of_the_tree(page: Page, places: Places):
    places.show(page, State("run", "{ended}?look=cached"))

    page.locator("[id='action-m1.t0']").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)

    expect(page).to_have_url(re.compile(r"\?action=m0\.t0$"))


@pytest.mark.parametrize(("name", "word"), [("m1.t0", "Cache"), ("m0.t0", "Recovered")])
def test_the_panel_has_the_link_too(page: Page, places: Places, name: str, word: str):
    places.show(page, State("panel", f"{{ended}}?action={name}"))

    place = page.locator("#overview dd").filter(has=page.locator("a[href$='?action=m0.t0']"))

    expect(place.locator("xpath=preceding-sibling::dt[1]")).to_have_text(word)
