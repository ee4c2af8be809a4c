"""The feeds of the lists: runs, executors, and what waits for an answer."""

from __future__ import annotations

from collections.abc import Mapping

from django.template.loader import render_to_string

from runs.live.feed import Feed, Send
from runs.protocol.messages import Asked, Hello, List
from runs.queries import executors, run_list
from runs.queries.conditions.waiting import list_waiting
from runs.tree.render import partial


class ExecutorListFeed(Feed):
    """The executors. What they hold changes without a hint, so they are polled often."""

    name = "executors"
    patience = 1.0

    def __init__(self, send: Send) -> None:
        super().__init__(send)
        self._html = ""

    def compose(self) -> str | None:
        is_new = self.takes_hello()
        html = render_to_string("runs/list/_executors.html", {"page": executors.get_executors_page()})
        if html == self._html and not is_new:
            return None
        self._html = html
        return partial("executors", html, "innerMorph")


class RunListFeed(Feed):
    """The first runs of a project and domain that match what the page asks for."""

    name = "runs"

    def __init__(self, project: str, domain: str, send: Send) -> None:
        super().__init__(send)
        self._scope = project, domain
        self._query = ""
        self._html = ""
        self._counts: Mapping[str, int] | None = None

    def apply(self, message: Asked) -> None:
        if isinstance(message, Hello | List):
            self._query = message.query

    def compose(self) -> str | None:
        is_new = self.takes_hello()
        me = self.subject.owner if self.subject is not None else ""
        page = run_list.read_page(*self._scope, self._query, me=me)
        html = render_to_string("runs/list/_run_table.html", page)
        counts = page["counts"].by_phase
        are_new = is_new or counts != self._counts
        self.extras = {"counts": dict(counts)} if are_new else {}
        is_same = html == self._html and not is_new
        self._html, self._counts = html, counts
        if is_same:
            return "" if are_new else None
        return partial("runs", html, "innerMorph")


class WaitingFeed(Feed):
    """The conditions of all runs that the reader may see. Answers are hinted at; aborts and timeouts are seen by the poll."""

    name = "waiting"

    def __init__(self, send: Send) -> None:
        super().__init__(send)
        self._html = ""

    def compose(self) -> str | None:
        is_new = self.takes_hello()
        page = list_waiting(self.subject) if self.subject is not None else None
        html = render_to_string("runs/conditions/_waiting.html", {"page": page})
        if html == self._html and not is_new:
            return None
        self._html = html
        return partial("waiting", html, "innerMorph")
