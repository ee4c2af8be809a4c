"""What running actions say beside their rows: what they printed last, and what their processes use. At most one frame a second has what changed.

It is no part of a row's HTML, as times that pass are not: a run that prints would send its rows again and again. The page
fills it in (static/js/tree/last-lines.js), and one that is loaded now gets it with its first frame.
"""

from __future__ import annotations

import time
from typing import Any

from runs.queries.attempts import read_uses
from runs.queries.logs.last_lines import read_last_lines
from runs.tree.page import RunPage

GAP_SECONDS = 1.0


class BesideRows:
    """What a page was told."""

    def __init__(self, run_id: int) -> None:
        self._run_id = run_id
        self._told: dict[str, dict[str, str]] = {"lines": {}, "uses": {}}  # by field of a frame
        self._due_at = 0.0

    def compose(self, page: RunPage, *, shows: bool, selected: str) -> dict[str, Any]:
        """The fields `lines` and `uses` of the next frame: by name of the action, what changed; without those in which nothing did.

        shows: whether the rows have them; the panel of the selected action has what that uses, anyway. Two statements at
        most, none within a second.
        """
        running = page.running if shows else ()
        metered = {one.name for one in running if one.is_metered}
        if selected and not page.summary.is_over:
            metered.add(selected)
        now = time.monotonic()
        if not (running or metered) or now < self._due_at:
            return {}
        self._due_at = now + GAP_SECONDS
        news: dict[str, Any] = {}
        if running:
            read = read_last_lines([one.id for one in running])
            news |= self._news("lines", {one.name: read.get(one.id, "") for one in running})
        if metered:
            found = read_uses(self._run_id, metered)
            news |= self._news("uses", {name: found.get(name, "") for name in metered})
        return news

    def _news(self, field: str, now: dict[str, str]) -> dict[str, dict[str, str]]:
        before, self._told[field] = self._told[field], now
        # With "" for one that comes and has nothing to say: the page may know what it said before its rows went.
        changed = {name: text for name, text in now.items() if text != before.get(name)}
        return {field: changed} if changed else {}
