"""The feed of the log of a run: the lines that its actions print, as its page wants them, from where the page has them."""

from __future__ import annotations

from urllib.parse import parse_qsl

from runs.domain.logs.places import LinePlace
from runs.live.feed import POLL_SECONDS, Feed, Send
from runs.live.run import ENDED_POLL_SECONDS
from runs.protocol.messages import NO_TAIL, Asked, Hello, Tail
from runs.queries.logs.run_log import RunLog, Wanted, is_live, read_new, read_wanted
from runs.queries.runs import get_run_by_id
from runs.tree.log_lines import run_lines_html


class RunLogFeed(Feed):
    """What follows a place in the log, until the run has ended and all is sent."""

    name = "run_log"

    def __init__(self, run_id: int, send: Send) -> None:
        super().__init__(send)
        self._run_id = run_id
        self._path = ""
        self._tail = self._told = NO_TAIL
        self._place = self._shown = LinePlace(0, 0)  # up to where it was read; up to where the page has it
        self._wanted = Wanted()
        self._has_more = self._is_over = False

    def apply(self, message: Asked) -> None:
        if isinstance(message, Hello | Tail):
            self._tail = message if isinstance(message, Tail) else message.tail

    def compose(self) -> str | None:
        """A frame has no content of its own: its field `log` has the lines. since, upto: as places. Three statements, and one for each few chunks.

        Raises Invalid for a query that asks for nothing that there is.
        """
        is_new, asked = self.takes_hello(), self._tail
        if asked is not self._told:
            self._begin(asked)
        if asked.chunk < 0 or self._is_over:
            self.extras = {}
            return "" if is_new else None
        self._path = self._path or get_run_by_id(self._run_id).path
        # Read first: what is printed before an end is there by the end.
        is_going = is_live(self._run_id)
        log = read_new(self._run_id, self._wanted, self._place)
        self._place, self._has_more = log.next, log.has_more
        self._is_over = not is_going and not log.has_more
        self.patience = ENDED_POLL_SECONDS if self._is_over else POLL_SECONDS
        if not (log.lines or self._is_over or is_new):
            return None
        self.extras = {"log": self._news(log)}
        self._shown = log.next
        return ""

    def _begin(self, asked: Tail) -> None:
        self._told = asked
        self._place = self._shown = LinePlace(max(asked.chunk, 0), max(asked.number, 0))
        self._wanted = read_wanted(dict(parse_qsl(asked.query)))
        self._has_more = self._is_over = False

    def _news(self, log: RunLog) -> dict[str, object]:
        return {
            "since": str(self._shown),
            "upto": str(log.next),
            "html": run_lines_html(log.lines, self._path),
            "isOver": self._is_over,
        }

    def after_compose(self) -> None:
        """More of what is stored follows without a hint."""
        if self._has_more:
            self.hint()
