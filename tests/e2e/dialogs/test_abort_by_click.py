"""From the click on Abort that does not ask, with Shift, to the row that says Aborted, measured in the page.

`make bench` holds it to its budget in milliseconds.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pytest
from playwright.sync_api import Page

from runs.domain.phases import Phase
from tests.support.long import long_or_short
from tests.support.pages.run_page import abort_row_at_once, open_run
from tests.support.server.server import Server, wait_until

CLICKS = long_or_short(100, 20)
# What the product waits for on purpose, most of it the 100 ms between two frames; and as many empty requests as the way is long:
# the click's own, the executor's frames there and back, two transactions, a frame that is rendered, sent and shown.
PAUSES_MS, MOST_REQUESTS = 200, 25
WARM_UP = 5  # the first ones load what is loaded once
PAUSE_MS = 300  # between two clicks of a person
# Runs in the page: the instant of each click on a row's Abort, and how long after it each row said Aborted.
CLOCK = """
window.took = {};
const clicked = {};
addEventListener("click", (event) => {
  const button = event.target.closest("[data-abort]");
  if (button) clicked[button.dataset.abort] = performance.now();
}, true);
new MutationObserver((changes) => {
  for (const { target } of changes) {
    const name = target.id.slice("action-".length);
    if (target.dataset.phase === "aborted" && clicked[name]) took[name] ??= performance.now() - clicked[name];
  }
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-phase"] });
"""
PAUSE = "(ms) => new Promise((done) => setTimeout(done, ms))"
EMPTY_REQUEST = """async () => {
  const begun = performance.now();
  await (await fetch("/healthz")).text();
  return performance.now() - begun;
}"""


@dataclass(frozen=True)
class Clicks:
    """Milliseconds. took: by the name of the action; empty: of one empty request after each click."""

    took: dict[str, float]
    empty: list[float]


def click_abort_of_each(page: Page, names: Sequence[str]) -> Clicks:
    """Abort the actions one after another in a page that has CLOCK; the first WARM_UP do not count."""
    empty = []
    for name in names:
        abort_row_at_once(page, name)
        page.wait_for_function("(name) => name in took", arg=name)
        page.evaluate(PAUSE, PAUSE_MS)
        empty.append(float(page.evaluate(EMPTY_REQUEST)))
    took: dict[str, float] = page.evaluate("took")
    return Clicks({name: took[name] for name in names[WARM_UP:]}, empty[WARM_UP:])


@pytest.mark.long
@pytest.mark.timeout(300 + 10 * CLICKS)
def test_a_click_is_a_cancelled_error_in_the_task_and_a_word_in_the_row_at_once(page: Page, server: Server):
    page.add_init_script(CLOCK)
    run = server.submit("tests/workflows/holding.py", "main", "--n", str(CLICKS + WARM_UP + 5))
    names = server.wait_running(run, "sleeper", CLICKS + WARM_UP + 5)[: CLICKS + WARM_UP]
    open_run(page, server, run)

    clicks = click_abort_of_each(page, names)

    # Each of them was cancelled in its task before its row said so; what it printed about that may come a moment later.
    rows = server.actions(run)
    assert {Phase(rows[name]["phase"]) for name in clicks.took} == {Phase.ABORTED}
    for name in clicks.took:
        said = wait_until(partial(server.output, run, name), "it has printed")
        assert re.fullmatch(r"CancelledError at [\d.]+: .+\n", said), said
    empty, took = statistics.median(clicks.empty), statistics.median(clicks.took.values())
    print(f"click to row: {took:.0f} ms; an empty request: {empty:.1f} ms")
    assert took <= PAUSES_MS + MOST_REQUESTS * empty
    server.abort(run)
