"""Tab reaches every control of every page, in the order of the page, and one sees where the focus is."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.e2e.states import STATES, Places, State

# Django's admin is Django's; and the page of an error is a link.
TABBED = [state for state in STATES if not state.name.startswith("admin")]
MOST = 120
NON_TEXT_CONTRAST = 3.0

# What Tab must reach: inside the dialog where one is open, else on the page. A summary's details may be shut, then what is
# in it does not show.
WANTED = """() => {
  const within = document.querySelector("dialog[open]") ?? document.body;
  const all = within.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]");
  window.stops = [...all].filter((one) => one.tabIndex >= 0 && !one.disabled && one.checkVisibility({ visibilityProperty: true }));
  return window.stops.map((one) => one.outerHTML.slice(0, 120));
}"""

# Tab goes on from where the focus was, or where one clicked; from here on, that is the top of the page.
BEGIN = (
    "() => { document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex'); }"
)

# Where the focus is, and how much its ring stands out from what is around it; the ring of a hidden checkbox is its label's.
HERE = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const rgb = (colour) => {
    const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => rgb(colour).slice(0, 3)
    .map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const isRinged = (one) => getComputedStyle(one).outlineStyle !== "none" && parseFloat(getComputedStyle(one).outlineWidth) >= 2;
  const ringed = [at, at.closest("label")].find((one) => one && isRinged(one));
  let ground = ringed && parseFloat(getComputedStyle(ringed).outlineOffset) < 0 ? ringed : ringed?.parentElement;
  while (ground && rgb(getComputedStyle(ground).backgroundColor)[3] < 255) ground = ground.parentElement;
  const [a, b] = ringed ? [light(getComputedStyle(ringed).outlineColor), light(getComputedStyle(ground ?? document.documentElement).backgroundColor)] : [0, 0];
  const box = (ringed ?? at).getBoundingClientRect();
  const isScroller = at.scrollHeight > at.clientHeight || at.scrollWidth > at.clientWidth;
  return {
    index: window.stops.indexOf(at), html: at.outerHTML.slice(0, 120), isScroller,
    contrast: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05),
    isInView: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
  };
}"""


def walk(page: Page) -> list[dict[str, Any]]:
    """Press Tab until the focus leaves the page, or comes round in a dialog."""
    stops: list[dict[str, Any]] = []
    in_dialog = page.locator("dialog[open]").count() > 0
    if not in_dialog:
        page.evaluate(BEGIN)
    for _ in range(MOST):
        page.keyboard.press("Tab")
        here = page.evaluate(HERE)
        if here is None and stops and not in_dialog:
            return stops
        if here is None:  # from the last control of a dialog, Tab goes to the browser and comes back
            continue
        if stops and here["index"] == stops[0]["index"]:
            return stops
        stops.append(here)
    raise AssertionError(f"still in the page after {MOST} times Tab")


@pytest.mark.parametrize("state", TABBED, ids=lambda state: state.name)
def test_tab_reaches_every_control_in_order_and_shows_where_it_is(
    still_page: Page, places: Places, state: State
):
    places.show(still_page, state)
    wanted = still_page.evaluate(WANTED)

    stops = walk(still_page)

    indices = [stop["index"] for stop in stops if stop["index"] >= 0]
    if still_page.locator("dialog[open]").count():  # where it begins in a dialog is the dialog's choice
        start = indices.index(0)
        indices = indices[start:] + indices[:start]
    assert indices == list(range(len(wanted))), [wanted[at] for at in set(range(len(wanted))) - set(indices)]
    assert [stop["html"] for stop in stops if stop["index"] < 0 and not stop["isScroller"]] == []
    assert [stop["html"] for stop in stops if not stop["isInView"]] == []
    for scheme in ("light", "dark"):
        still_page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        dim = [
            (stop["html"], stop["contrast"])
            for stop in walk(still_page)
            if stop["contrast"] < NON_TEXT_CONTRAST
        ]
        assert dim == [], scheme
