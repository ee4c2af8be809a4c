"""Measures how soon a real Chromium shows a row's Abort box and an action's panel: both are to be there before the server has answered."""

from __future__ import annotations

from collections.abc import Callable

TIMES = 30

# Runs in the page: milliseconds from the event that opens something until the frame in which it is shown has been painted.
CLOCK = """
window.opened = [];
addEventListener("click", (event) => {
  const row = event.target.closest("#rows > .row");
  const isAbort = event.target.closest("[data-abort]");
  if (!row) return;
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      const isThere = isAbort
        ? document.querySelector("abort-popover [popover]:popover-open") !== null
        : document.getElementById("panel")?.dataset.name === row.id.replace("action-", "");
      if (isThere) opened.push(performance.now() - event.timeStamp);
    };
    channel.port2.postMessage(null);
  });
}, true);
"""


def opening(url: str, scale: float) -> list[tuple[str, str, str, float]]:
    """Of the boxes and panels of as many rows, while the rows' actions run."""
    import flyte
    from playwright.sync_api import sync_playwright

    from benchmarks import flows
    from benchmarks.measure import actions, fast, wait_for
    from tests.browser import LAUNCH_ARGS, find_chromium
    from tests.support.pages.connected import until_connected

    del scale
    n = 2 * TIMES
    run = flyte.run(flows.hold, n=n, seconds=900.0)
    wait_for(lambda: actions(run.name).filter(phase=4).count() == n + 1, f"{n} live actions")
    lines = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), args=list(LAUNCH_ARGS))
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.add_init_script(CLOCK)
        page.goto(f"{url}/v2/domain/development/project/flytesnacks/runs/{run.name}")
        until_connected(page)
        names = page.locator("#rows > .row[id^=action-]").evaluate_all(
            "(rows) => rows.slice(1, 26).map((row) => row.id)"
        )

        def measure(what: str, open_one: Callable[[str], None]) -> None:
            page.evaluate("opened.length = 0")
            for name in names:
                open_one(name)
                page.wait_for_timeout(100)
            seconds = [one / 1e3 for one in page.evaluate("opened")]
            assert len(seconds) == len(names), (
                f"{what}: {len(seconds)} of {len(names)} were there in the next frame"
            )
            lines.append(fast(f"click → {what} is painted, {n} live rows", "≤ 50 ms", seconds))

        def ask(name: str) -> None:
            page.locator(f"#{name} [data-abort]").click()
            page.wait_for_timeout(100)
            page.keyboard.press("Escape")

        measure("a row's Abort box", ask)
        measure("an action's panel", lambda name: page.locator(f"#{name} .status").click())
        chromium.close()
    run.abort(reason="measured")
    run.wait(quiet=True)
    return lines
