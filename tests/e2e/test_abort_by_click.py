"""From the click on Abort to the row that says Aborted, measured in the page: the budget of DESIGN.md §9."""

from __future__ import annotations

import math
import re
from functools import partial

import pytest
from playwright.sync_api import Page

from runs.phases import Phase
from tests.e2e.parts import let_pass
from tests.e2e.quiet import MOST_TAKEN, Processors
from tests.e2e.server import Server, wait_until
from tests.e2e.test_browser import open_run

CLICKS = 100
WARM_UP = 5  # the first ones load what is loaded once
BUDGET_MS = 250
PAUSE_MS = 300  # between two clicks of a person
TRIES = 2
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


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[math.ceil(share * len(values)) - 1]


def measure(page: Page, server: Server) -> tuple[dict[str, float], str]:
    """Click Abort of 100 live actions, one after another; how long each row took, by name, and the run."""
    run = server.submit("tests/workflows/holding.py", "main", "--n", str(CLICKS + WARM_UP + 5))
    names = server.wait_running(run, "sleeper", CLICKS + WARM_UP + 5)[: CLICKS + WARM_UP]
    open_run(page, server, run)
    for name in names:
        page.evaluate("document.querySelector('run-tree').movedAt = -1e9")
        page.locator(f"#action-{name} [data-abort]").click()
        page.wait_for_function("(name) => name in took", arg=name)
        let_pass(PAUSE_MS / 1000)
    took: dict[str, float] = page.evaluate("took")
    return {name: took[name] for name in names[WARM_UP:]}, run


@pytest.mark.timeout(400)
def test_a_click_is_a_cancelled_error_in_the_task_and_a_word_in_the_row_within_the_budget(
    page: Page, server: Server
):
    page.add_init_script(CLOCK)
    for _ in range(TRIES):
        before = Processors.now()
        took, run = measure(page, server)
        taken = Processors.now().taken_since(before)
        p50, p99 = percentile(list(took.values()), 0.5), percentile(list(took.values()), 0.99)
        print(f"p50 {p50:.0f} ms, p99 {p99:.0f} ms; others took {taken:.0%} of the processors")

        # Each of them was cancelled in its task before its row said so; what it printed about that may come a moment later.
        rows = server.actions(run)
        assert {Phase(rows[name]["phase"]) for name in took} == {Phase.ABORTED}
        for name in took:
            said = wait_until(partial(server.output, run, name), "it has printed", 20)
            assert re.fullmatch(r"CancelledError at [\d.]+: .+\n", said), said
        server.cli("abort", "run", run)
        if p99 <= BUDGET_MS:
            return
        if taken <= MOST_TAKEN:
            break
    if taken > MOST_TAKEN:
        assert p50 <= BUDGET_MS
        pytest.xfail(
            f"others took {taken:.0%} of the processors in each of {TRIES} tries, p99 was {p99:.0f} ms"
        )
    assert p99 <= BUDGET_MS
