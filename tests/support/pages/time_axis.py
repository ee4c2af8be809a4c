"""What browser tests ask of the lanes: between which moments they show the run, and where things are."""

from __future__ import annotations

from playwright.sync_api import FloatRect, Locator, Page


def shown(page: Page) -> tuple[float, float]:
    """Between which moments the lanes show the run."""
    style = "getComputedStyle(document.querySelector('time-axis')).getPropertyValue"
    return tuple(float(page.evaluate(f"{style}('--view-{edge}')")) for edge in ("start", "end"))  # type: ignore[return-value]


def box(found: Locator) -> FloatRect:
    place = found.bounding_box()
    assert place is not None
    return place


def axis(page: Page) -> FloatRect:
    return box(page.locator("time-axis"))


def moment(page: Page, x: float) -> float:
    """Which moment is at this place."""
    place, (start, end) = axis(page), shown(page)
    return start + (x - place["x"]) / place["width"] * (end - start)


def wait_for_view(page: Page, before: tuple[float, float]) -> tuple[float, float]:
    """The view, once it is another one."""
    page.wait_for_function(
        """([start, end]) => { const style = getComputedStyle(document.querySelector("time-axis"));
        return style.getPropertyValue("--view-start") != start || style.getPropertyValue("--view-end") != end; }""",
        arg=list(before),
    )
    return shown(page)


def wait_for_shown(page: Page, start: float, end: float) -> None:
    """The lanes show about this part of the run."""
    page.wait_for_function(
        """([start, end]) => { const style = getComputedStyle(document.querySelector("time-axis"));
        const is = (edge, at) => Math.abs(style.getPropertyValue(`--view-${edge}`) - at) < 0.01 * style.getPropertyValue("--length");
        return is("start", start) && is("end", end); }""",
        arg=[start, end],
    )


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=4)
    page.mouse.up()
