"""What happens in a page in each of its frames, while it is scrolled as a reader scrolls."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

GRID = "run-tree .tree"
# Runs in the page, once: `scrolled` moves an element by so many pixels in each frame, turns at its ends and once in the middle
# of the time, and returns the instant of each frame and what `look` says of it.
SCROLL = """
window.scrolled = async (grid, { px, seconds, turns }, look = () => 0) => {
  const times = [], seen = [], begun = performance.now();
  let step = px, turned = false;
  for (;;) {
    const now = await new Promise(requestAnimationFrame);
    times.push(now);
    seen.push(look());
    if (now - begun > seconds * 1000) return { times, seen };
    const end = grid.scrollHeight - grid.clientHeight;
    if (turns && !turned && now - begun > seconds * 500) { turned = true; step = -step; }
    const y = grid.scrollTop + step;
    if (y < 0 || y > end) step = -step;
    grid.scrollTop = Math.min(Math.max(y, 0), end);
  }
};
// Of rows in the page, and how many of five points down the tree show neither a row nor a skeleton.
window.lookAtTree = () => {
  const grid = document.querySelector("run-tree .tree");
  const { left, top, height } = grid.getBoundingClientRect();
  let white = 0;
  for (const part of [0.1, 0.3, 0.5, 0.7, 0.9]) {
    const at = document.elementFromPoint(left + 60, top + 33 + (height - 50) * part);
    const place = at?.closest(".row, .spacer");
    if (!place || (place.matches(".spacer") && getComputedStyle(place).backgroundImage === "none")) white += 1;
  }
  return [document.querySelectorAll("#rows > .row").length, white];
};
// An empty page to compare with: as long, and nothing in it.
window.makeEmpty = () => {
  const grid = document.createElement("div");
  grid.id = "empty";
  Object.assign(grid.style, { position: "fixed", inset: "0", overflow: "auto", background: "white", zIndex: 9999 });
  const inside = document.createElement("div");
  inside.style.height = "3200000px";
  grid.append(inside);
  document.body.append(grid);
};
"""


@dataclass(frozen=True)
class Frames:
    """times: milliseconds."""

    times: list[float]
    seen: list[Any]

    @property
    def gaps(self) -> list[float]:
        return [after - before for before, after in zip(self.times, self.times[1:], strict=False)]

    @property
    def per_second(self) -> float:
        return len(self.gaps) * 1000 / (self.times[-1] - self.times[0])

    @property
    def slowest_second(self) -> int:
        """How many frames it had; of the seconds that lie wholly in the time."""
        begun = self.times[0]
        seconds = [int((at - begun) / 1000) for at in self.times]
        return min(seconds.count(second) for second in range(seconds[-1])) if seconds[-1] else 0

    def __str__(self) -> str:
        gaps = sorted(self.gaps)
        return (
            f"{self.per_second:.1f} frames a second (p50 {statistics.median(gaps):.1f} ms, longest {gaps[-1]:.0f} ms, "
            f"slowest second {self.slowest_second})"
        )


def scroll(
    page: Page, grid: str, px: int, seconds: float, look: str = "() => 0", *, turns: bool = True
) -> Frames:
    """Down and up again, px in each frame. turns: in the middle of the time, wherever that is."""
    found = page.evaluate(
        f"([grid, how]) => scrolled(document.querySelector(grid), how, {look})",
        [grid, {"px": px, "seconds": seconds, "turns": turns}],
    )
    return Frames(found["times"], found["seen"])


def go(page: Page, part: float) -> None:
    """Scroll so far, 1 being the end, and wait for the rows there."""
    top = int(page.evaluate("document.querySelector('run-tree').rowWindow.total") * part) * 32
    page.evaluate(f"document.querySelector('{GRID}').scrollTop = {top}")
    page.wait_for_function(
        "(top) => { const { visible, before } = document.querySelector('run-tree').rowWindow;"
        " const rows = document.querySelectorAll('#rows > .row:not([data-pinned])').length;"
        " return Math.abs(visible.top - Math.floor(top / 32)) < 2 && before <= visible.top && visible.top < before + rows; }",
        arg=top,
    )


# --- budgets --------------------------------------------------------------------------------------------------------
