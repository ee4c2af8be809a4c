"""The last lines of what runs, beside the rows of a page: at most one frame a second has those that changed.

They are no part of a row's HTML, as times that pass are not: a run that prints would send its rows again and again. The page
fills them in (static/js/tree/last-lines.js), and one that is loaded now gets them with its first frame.
"""

from __future__ import annotations

import time
from typing import Any

from runs.queries.logs.last_lines import read_last_lines
from runs.tree.page import RunPage

GAP_SECONDS = 1.0


class LastLines:
    """Those that a page was told."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}
        self._due_at = 0.0

    def compose(self, page: RunPage) -> dict[str, Any]:
        """The field `lines` of the next frame: by name of the action, what changed; {} when that is nothing. One statement, none within a second."""
        now = time.monotonic()
        if not page.running or now < self._due_at:
            return {}
        self._due_at = now + GAP_SECONDS
        read = read_last_lines([node for node, _ in page.running])
        lines = {name: read.get(node, "") for node, name in page.running}
        news = {name: line for name, line in lines.items() if line != self._told.get(name, "")}
        self._told = lines
        return {"lines": news} if news else {}
