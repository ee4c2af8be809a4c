"""Every page in every state: axe-core finds nothing to mend, it fits its window, and Tab reaches every control.

A state is loaded once for all of its tests, and each of them begins with the same window and colours. On demand (`make screenshots`)
some of the states are also the pictures of the documents, docs/screenshots/<name>-<scheme>[-narrow].png, of demonstrations whose seed
makes them the same each time.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page

from tests.support.long import long_or_short
from tests.support.pages.axe import OPTIONS, SCHEMES, violations
from tests.support.pages.states import STATES, Places, State
from tests.support.server.server import ROOT

DESKTOP, PHONE, NARROWEST = (1280, 800), (390, 780), (320, 640)
# What a state is about, by a word of its name, if not the whole page.
PARTS = {
    "panel,": "#panel-pane",
    "dialog": "dialog[open]",
    "run, keys": "dialog[open]",
    "run, abort of": "#abort-popover",
}
# What is around a part is looked at in states of the whole page, and with a part of each kind in these.
WHOLE = {"panel, live", "run, abort dialog", "run, abort of a row"}
# Django's admin is Django's.
OURS = [state for state in STATES if not state.name.startswith("admin")]
IS_PICTURED = os.environ.get("FLYTEUI_SCREENSHOTS") == "1"
PICTURES = {
    "runs": "runs", "runs, none": "empty", "run, ended": "run", "run, abort dialog": "abort", "run, delete dialog": "delete",
    "panel, refusing": "action", "executors": "executors",
}  # fmt: skip

# The folders of this machine are nobody else's business.
ANYBODYS = """([root, home]) => {
    for (const line of document.querySelectorAll("#snippet-here"))
        line.textContent = line.textContent.replaceAll(root, "/home/ann/flyteui").replaceAll(home, "/home/ann/flyteui/.flyteui");
}"""
HOMES = re.compile(r"/\S+(?=/config\.yaml)")

MOST_STOPS = 120
STRIDE = 8  # so many times Tab, held down, before somebody looks where it has been
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

# From here on, where the focus goes; null when it leaves the page. Staying where it was is no stop of its own.
FOLLOW = """() => {
  window.trail = [];
  document.addEventListener("focusin", ({ target }) => window.trail.at(-1) === target || window.trail.push(target));
  document.addEventListener("focusout", ({ relatedTarget }) => relatedTarget || window.trail.push(null));
}"""
TRAIL = """() => window.trail.map((at) => at && {
  index: window.stops.indexOf(at), html: at.outerHTML.slice(0, 120),
  isScroller: at.scrollHeight > at.clientHeight || at.scrollWidth > at.clientWidth,
})"""

# Of each place of the trail, up to that one: whether it is seen once it has the focus, and how much its ring stands out from what is
# around it; the ring of a hidden checkbox is its label's. The focus shows as it does after Tab, since that was the last key.
RINGS = """(count) => {
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
  return window.trail.slice(0, count).filter(Boolean).map((at) => {
    at.focus();
    const ringed = [at, at.closest("label")].find((one) => one && isRinged(one));
    let ground = ringed && parseFloat(getComputedStyle(ringed).outlineOffset) < 0 ? ringed : ringed?.parentElement;
    while (ground && rgb(getComputedStyle(ground).backgroundColor)[3] < 255) ground = ground.parentElement;
    const [a, b] = ringed ? [light(getComputedStyle(ringed).outlineColor), light(getComputedStyle(ground ?? document.documentElement).backgroundColor)] : [0, 0];
    const box = (ringed ?? at).getBoundingClientRect();
    return {
      html: at.outerHTML.slice(0, 120), hasFocus: document.activeElement === at,
      contrast: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05),
      isInView: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    };
  });
}"""


def name_of(state: State) -> str:
    return re.sub(r"\W+", "_", state.name)


@pytest.fixture(scope="module", params=STATES, ids=name_of)
def state(request: pytest.FixtureRequest) -> State:
    found: State = request.param
    return found


@pytest.fixture(scope="module")
def tab(chromium: Browser) -> Iterator[Page]:
    """One for all states: it has loaded the scripts. Without motion: a colour that fades is no colour to measure."""
    context = chromium.new_context(reduced_motion="reduce")
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def loaded(tab: Page, places: Places, state: State) -> Iterator[Page]:
    """What the console says does not matter here."""
    resize(tab, DESKTOP)
    tab.emulate_media(color_scheme="light")
    places.show(tab, state)
    yield tab
    tab.context.set_offline(False)
    tab.unroute_all()
    tab.evaluate("localStorage.clear()")


@pytest.fixture
def shown(loaded: Page) -> Page:
    loaded.emulate_media(color_scheme="light")
    resize(loaded, DESKTOP)
    return loaded


def resize(page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})


@pytest.mark.long
def test_axe_finds_no_violation(shown: Page, state: State):
    """Of a state of a panel or a dialog, that part."""
    part = next((selector for word, selector in PARTS.items() if word in state.name), "html")
    part = "html" if state.name in WHOLE else part
    found = []
    for scheme, size in looks(state):
        shown.emulate_media(color_scheme=scheme)
        resize(shown, size)
        found += [f"{scheme}, {size[0]} px: {line}" for line in violations(shown, OPTIONS, part)]

    assert not found, "\n".join(found)


def looks(state: State) -> list[tuple[Literal["light", "dark"], tuple[int, int]]]:
    """Light and dark, on a desktop and on a phone; in the short form one of the four, which is another one for the next state."""
    every = list(product(SCHEMES, (DESKTOP, PHONE)))
    return long_or_short(every, [every[STATES.index(state) % 4]])


@pytest.mark.parametrize("state", OURS, ids=name_of, indirect=True)
def test_it_fits_its_window(shown: Page, state: State):
    for size in (DESKTOP, PHONE, NARROWEST):
        resize(shown, size)

        assert shown.evaluate("document.documentElement.scrollWidth") <= size[0], size

        if IS_PICTURED and size != NARROWEST and (name := PICTURES.get(state.name)):
            for scheme in SCHEMES:
                shown.emulate_media(color_scheme=scheme)
                narrow = "-narrow" if size == PHONE else ""
                take(shown, ROOT / "docs" / "screenshots" / f"{name}-{scheme}{narrow}.png")


@pytest.mark.parametrize("state", OURS, ids=name_of, indirect=True)
def test_tab_reaches_every_control_in_order_and_shows_where_it_is(shown: Page):
    wanted = shown.evaluate(WANTED)

    stops, count = walk(shown)

    indices = [stop["index"] for stop in stops if stop["index"] >= 0]
    if shown.locator("dialog[open]").count():  # where it begins in a dialog is the dialog's choice
        start = indices.index(0)
        indices = indices[start:] + indices[:start]
    assert indices == list(range(len(wanted))), [wanted[at] for at in set(range(len(wanted))) - set(indices)]
    assert [stop["html"] for stop in stops if stop["index"] < 0 and not stop["isScroller"]] == []
    for scheme in SCHEMES:
        shown.emulate_media(color_scheme=scheme)
        rings = shown.evaluate(RINGS, count)
        assert [ring["html"] for ring in rings if not (ring["hasFocus"] and ring["isInView"])] == []
        assert [
            (ring["html"], ring["contrast"]) for ring in rings if ring["contrast"] < NON_TEXT_CONTRAST
        ] == []


def test_axe_sees_what_is_wrong(still_page: Page, places: Places):
    """A check that cannot fail is no check: it must find what this page is made to do wrong."""
    still_page.goto(places.servers["busy"].url + places.paths["runs"])

    still_page.evaluate("document.querySelector('.bar').append(document.createElement('button'))")

    assert any(line.startswith("button-name") for line in violations(still_page))


def walk(page: Page) -> tuple[list[dict[str, Any]], int]:
    """Press Tab until the focus leaves the page, or comes round in a dialog; the stops, and how many places of the trail that is."""
    in_dialog = page.locator("dialog[open]").count() > 0
    if not in_dialog:
        page.evaluate(BEGIN)
    page.evaluate(FOLLOW)
    for _ in range(0, MOST_STOPS, STRIDE):
        for _ in range(STRIDE):
            page.keyboard.down("Tab")
        page.keyboard.up("Tab")
        trail: list[dict[str, Any] | None] = page.evaluate(TRAIL)
        stops: list[dict[str, Any]] = []
        for count, stop in enumerate(trail):
            # From the last control of a dialog, Tab goes to the browser and comes back.
            is_over = bool(stops) and (stop["index"] == stops[0]["index"] if stop else not in_dialog)
            if is_over:
                return stops, count
            stops += [stop] if stop else []
    raise AssertionError(f"still in the page after {MOST_STOPS} times Tab")


def take(page: Page, file: Path) -> None:
    """The picture, with a palette of 256 colours where pngquant is installed: a third of the size."""
    home = HOMES.search(page.locator("body").inner_text())
    page.evaluate(ANYBODYS, [str(ROOT), home[0] if home else str(ROOT)])
    page.screenshot(path=file, animations="disabled", caret="hide")
    if quant := shutil.which("pngquant"):
        command = [quant, "--force", "--skip-if-larger", "--strip", "--output", str(file), str(file)]
        subprocess.run(command, check=False, timeout=180)
