"""Measures how a real Chromium scrolls the page of the longest run so far."""

from __future__ import annotations

# As a wheel turns, three rows in each frame; and as the bar is dragged from end to end.
STEPS = {"three rows in each frame": 100, "from end to end": 20_000}
SECONDS = 6


def scrolling(url: str, scale: float) -> list[tuple[str, str, str]]:
    """Frames a second, down and up again; of an empty page of the same length too, which shows what the machine can do."""
    del scale
    from django.db.models import Count
    from playwright.sync_api import sync_playwright

    from runs.domain.addresses.pages import run_path
    from runs.domain.names import RunRef
    from runs.models import Run
    from tests.browser import LAUNCH_ARGS, find_chromium
    from tests.support.pages.connected import until_connected
    from tests.support.pages.scrolling import SCROLL, scroll

    run = Run.objects.annotate(size=Count("actions")).order_by("-size").select_related("project")[0]
    lines = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=list(LAUNCH_ARGS))
        page = chromium.new_page(viewport={"width": 1280, "height": 800})
        page.add_init_script(SCROLL)
        page.goto(url + run_path(RunRef(run.project.name, run.domain, run.name)))
        until_connected(page)
        for what, px in STEPS.items():
            frames = scroll(page, "run-tree .tree", px, SECONDS)
            lines.append((f"scrolling {run.size:,} actions, {what}", "≥ 50 frames/s", str(frames)))
        page.evaluate("makeEmpty()")
        lines.append(("… an empty page, for comparison", "", str(scroll(page, "#empty", 100, SECONDS))))
        chromium.close()
    return lines
