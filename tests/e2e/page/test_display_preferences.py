"""What a reader has asked the system for: forced colours, more contrast, less motion. Each is proved by computed styles."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from tests.support.pages.states import Places, State

SCENE = State("run", "{scene}?action=a0-refusing")
STYLE = "(found, [pseudo, property]) => getComputedStyle(found, pseudo)[property]"
SYSTEM = """(name) => {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.cssText = `color: ${name}; forced-color-adjust: none`;
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}"""

# Where, on what, which property, and the colour of the system that it must have.
FORCED = [
    ("{scene}", "#action-a0-trial0 .run", "", "borderInlineEndColor", "CanvasText"),
    ("{scene}", "#action-a0-trial0 .run", "", "backgroundColor", "Canvas"),
    ("{scene}", "#action-a0-ship .wait", "", "backgroundColor", "CanvasText"),
    ("{scene}", "#action-a0-cached .run", "", "backgroundColor", "CanvasText"),
    ("{scene}", "#action-a0-trial0 .phase-mark", "", "color", "CanvasText"),
    ("{scene}", ".minimap .running", "", "fill", "CanvasText"),
    ("{scene}", ".minimap .succeeded", "", "stroke", "CanvasText"),
    ("{scene}", "#tab-overview", "", "borderBlockEndColor", "Highlight"),
    ("{scene}", "#tab-logs", "", "borderBlockEndColor", "Canvas"),
    ("{scene}", ".instants li.reached", "::before", "backgroundColor", "CanvasText"),
    ("{scene}", "#action-a0-refusing", "::after", "outlineColor", "Highlight"),
    ("{scene}", "connection-status", "::before", "backgroundColor", "CanvasText"),
    ("{ended}", ".minimap .failures", "", "stroke", "Highlight"),
    ("{ended}", "[id='action-m0.t7'] .failed", "", "borderInlineEndColor", "CanvasText"),
    ("{ended}", ".note.cause", "", "borderBlockStartColor", "CanvasText"),
]

# The contrast of a colour with the ground behind it, as WCAG counts it: both are drawn, so that any notation will do.
CONTRAST = """(found, property) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const light = (...colors) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const color of colors) { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); }
    const parts = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => part / 255);
    const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const grounds = [];
  for (let box = found.parentElement; box; box = box.parentElement) grounds.unshift(getComputedStyle(box).backgroundColor);
  const [low, high] = [light(...grounds), light(...grounds, getComputedStyle(found)[property])].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}"""
TEXTS = [
    ".facts", ".count .said", "#action-a0-trial0 .status b", "#action-a0-refusing .status b", "#action-a0-slow .status b",
    "#action-a0-flaky .status b", "#action-a0-ship .status b", "#action-a0-reviewed .status b", "#action-a0-cached .status b",
    "#action-a0-trial9 .status b", "#action-a0-trial0 .took", ".pill", ".connection", ".pairs dt", ".refusal h3",
]  # fmt: skip
LINES = [
    ("#action-a0-ship .wait", "backgroundColor"),
    (".minimap .running", "fill"),
    (".minimap .succeeded", "fill"),
    (".search input", "borderBlockStartColor"),
    ("#action-a0-trial0 .act > button", "borderBlockStartColor"),
    ("#action-a0-trial0 .run", "borderInlineEndColor"),
]

Scheme = Literal["light", "dark"]
both = pytest.mark.parametrize("scheme", ["light", "dark"])


def look_at(page: Page, selector: str, function: str, argument: object) -> Any:
    """What the function says of the first such element, found in the same step: a frame may replace it between two."""
    look = f"([selector, argument]) => (found => found && [({function})(found, argument)])(document.querySelector(selector))"
    return page.wait_for_function(look, arg=[selector, argument]).json_value()[0]


@both
def test_in_forced_colours_nothing_is_lost(still_page: Page, places: Places, scheme: Scheme):
    still_page.emulate_media(forced_colors="active", color_scheme=scheme)
    wrong, at = [], ""
    for path, selector, pseudo, name, wanted in FORCED:
        if path != at:
            at = path
            places.show(still_page, State("run", path + ("?action=a0-refusing" if path == "{scene}" else "")))
        color = look_at(still_page, selector, STYLE, [pseudo, name])
        if color != still_page.evaluate(SYSTEM, wanted):
            wrong.append(f"{selector}{pseudo} {name}: {color} is not {wanted}")

    assert wrong == []


@both
def test_with_more_contrast_words_have_7_to_1_and_lines_3_to_1(
    still_page: Page, places: Places, scheme: Scheme
):
    still_page.emulate_media(contrast="more", color_scheme=scheme)
    places.show(still_page, SCENE)
    expect(still_page.locator(".minimap .running")).to_be_attached()

    ratios = {
        f"{selector} {name}": (look_at(still_page, selector, CONTRAST, name), least)
        for selector, name, least in [(one, "color", 7) for one in TEXTS] + [(*one, 3) for one in LINES]
    }

    assert {where: ratio for where, (ratio, least) in ratios.items() if ratio < least} == {}


def test_without_that_wish_a_waiting_line_is_fainter(still_page: Page, places: Places):
    places.show(still_page, SCENE)
    waiting = "#action-a0-ship .wait"

    usual = look_at(still_page, waiting, CONTRAST, "backgroundColor")
    still_page.emulate_media(contrast="more")

    assert usual < 3 < look_at(still_page, waiting, CONTRAST, "backgroundColor")


def test_what_turns_stands_still_when_less_motion_is_asked_for(still_page: Page, places: Places):
    count = "document.getAnimations().filter((one) => one instanceof CSSAnimation).length"
    places.show(still_page, State("run", "{live}"))

    still = still_page.evaluate(count)
    still_page.emulate_media(reduced_motion="no-preference")

    assert still == 0
    assert still_page.evaluate(count) > 0
