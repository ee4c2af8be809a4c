"""axe-core finds nothing to mend: each page, in each state, light and dark, on a desktop and on a phone."""

from __future__ import annotations

from typing import Any, Literal

from playwright.sync_api import Page

from tests.e2e.states import Places, State, every_state
from tests.node import AXE

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SIZES = ((1280, 800), (390, 780))
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
# No rule is switched off. This one is of WCAG 2.2, and off unless it is named.
OPTIONS = {
    "runOnly": {"type": "tag", "values": TAGS},
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
}

# Django's buttons fade from one scheme to the other.
STAND_STILL = (
    "document.getAnimations().filter((one) => one instanceof CSSTransition).forEach((one) => one.finish())"
)


def violations(page: Page) -> list[str]:
    """What axe says of the page as it stands. Its source comes over the debugger, for which the page's policy does not count."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    page.evaluate(STAND_STILL)
    found: dict[str, Any] = page.evaluate("(options) => axe.run(document, options)", OPTIONS)
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']}\n    {node['html'][:240]}\n    {node['failureSummary'].splitlines()[-1].strip()}"
        for rule in found["violations"]
        for node in rule["nodes"][:3]
    ]


@every_state()
def test_axe_finds_no_violation(still_page: Page, places: Places, state: State):
    places.show(still_page, state)

    found = []
    for scheme in SCHEMES:
        still_page.emulate_media(color_scheme=scheme)
        for width, height in SIZES:
            still_page.set_viewport_size({"width": width, "height": height})
            found += [f"{scheme}, {width} px: {line}" for line in violations(still_page)]

    assert not found, "\n".join(found)


def test_axe_sees_what_is_wrong(still_page: Page, places: Places):
    """A check that cannot fail is no check: it must find what this page is made to do wrong."""
    still_page.goto(places.servers["busy"].url + places.paths["runs"])

    still_page.evaluate("document.querySelector('.bar').append(document.createElement('button'))")

    assert any(line.startswith("button-name") for line in violations(still_page))
