"""The tail of the log that a page shows: the lines after those that were sent, in parts that fit a frame."""

from __future__ import annotations

from typing import Any

from runs.domain.phases import TERMINAL
from runs.protocol.messages import Log
from runs.queries.logs.action_log import LogOffset, get_phase, read_after
from runs.tree.log_lines import lines_html


class LogTail:
    """The lines of an action after an offset, until it has ended and all are sent."""

    def __init__(self, run_id: int, asked: Log) -> None:
        self.asked = asked
        self.has_more = False  # there are lines already that the last frame had no room for
        self._run_id = run_id
        self._offset = LogOffset(asked.chunk, asked.lines)
        self._is_over = not asked.action

    def compose(self) -> dict[str, Any] | None:
        """The field `log` of the next frame; None when there is nothing new. since, upto: as [chunk, lines] of a LogOffset.

        Whether the action has ended is read before its lines, so that the last ones are never left out.
        """
        if self._is_over:
            return None
        phase = get_phase(self._run_id, self.asked.action)
        if phase is None:
            self._is_over = True
            return None
        since = self._offset
        more = read_after(self.asked.action, since, attempt=self.asked.attempt or None)
        self._offset, self.has_more = more.offset, more.has_more
        self._is_over = phase in TERMINAL and not more.has_more
        if not more.lines and not self._is_over:
            return None
        return {
            "action": self.asked.action,
            "attempt": self.asked.attempt,
            "since": [since.chunk, since.lines],
            "upto": [self._offset.chunk, self._offset.lines],
            "html": lines_html(more.lines),
            "isOver": self._is_over,
        }
