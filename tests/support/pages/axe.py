"""What axe-core finds to mend on a page."""

from __future__ import annotations

from typing import Any, Literal

from playwright.sync_api import Page

from tests.node import AXE

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"]
# No rule is switched off. This one is of WCAG 2.2, and off unless it is named.
OPTIONS = {
    "runOnly": {"type": "tag", "values": TAGS},
    "rules": {"target-size": {"enabled": True}},
    "resultTypes": ["violations"],
}

# A colour scheme changes colours and nothing else: in dark, these rules alone can say something new.
OF_COLOURS = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    "resultTypes": ["violations"],
}

# Django's buttons fade from one scheme to the other.
STAND_STILL = (
    "document.getAnimations().filter((one) => one instanceof CSSTransition).forEach((one) => one.finish())"
)


def violations(page: Page, options: dict[str, Any] = OPTIONS, within: str = "html") -> list[str]:
    """What axe says of the page as it stands, or of that part of it.

    Its source comes over the debugger, for which the page's policy does not count.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    page.evaluate(STAND_STILL)
    found: dict[str, Any] = page.evaluate("([part, options]) => axe.run(part, options)", [within, options])
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']}\n    {node['html'][:240]}\n    {node['failureSummary'].splitlines()[-1].strip()}"
        for rule in found["violations"]
        for node in rule["nodes"][:3]
    ]
