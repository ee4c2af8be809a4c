"""The log that a page shows, followed: what it has not been told, a frame's worth at a time."""

from __future__ import annotations

from typing import Any

from runs.live.messages import Log
from runs.loglines import lines_html
from runs.phases import TERMINAL
from runs.queries.logs import Place, get_phase, read_more


class LogTail:
    """The lines of an action from a place on, until it has ended and all are told."""

    def __init__(self, run_id: int, asked: Log) -> None:
        self.asked = asked
        self.has_more = False  # there are lines already that the last frame had no room for
        self._run_id = run_id
        self._place = Place(asked.chunk, asked.lines)
        self._is_over = not asked.action

    def compose(self) -> dict[str, Any] | None:
        """What a frame says of the log; None when there is nothing new. since, upto: as [chunk, lines] of a Place.

        Whether the action has ended is read before its lines, so that the last ones are never left out.
        """
        if self._is_over:
            return None
        phase = get_phase(self._run_id, self.asked.action)
        if phase is None:
            self._is_over = True
            return None
        since = self._place
        more = read_more(self.asked.action, since, attempt=self.asked.attempt or None)
        self._place, self.has_more = more.place, more.has_more
        self._is_over = phase in TERMINAL and not more.has_more
        if not more.lines and not self._is_over:
            return None
        return {
            "action": self.asked.action,
            "attempt": self.asked.attempt,
            "since": [since.chunk, since.lines],
            "upto": [self._place.chunk, self._place.lines],
            "html": lines_html(more.lines),
            "isOver": self._is_over,
        }
