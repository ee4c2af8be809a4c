"""The feeds of the lists: runs, and executors."""

from __future__ import annotations

from django.template.loader import render_to_string

from runs.live.feed import Feed, Send
from runs.live.messages import Asked, Hello, List
from runs.queries import executors, lists
from runs.rows import partial


class FleetFeed(Feed):
    """The executors. What they hold changes without a hint, so it is looked at often."""

    name = "executors"
    patience = 1.0

    def __init__(self, send: Send) -> None:
        super().__init__(send)
        self._html = ""

    def compose(self) -> str | None:
        is_new = self.begins()
        html = render_to_string("runs/_fleet.html", {"fleet": executors.get_fleet()})
        if html == self._html and not is_new:
            return None
        self._html = html
        return partial("fleet", html, "innerMorph")


class RunsFeed(Feed):
    """The first runs of a project and domain that match what the page asks for."""

    name = "runs"

    def __init__(self, project: str, domain: str, send: Send) -> None:
        super().__init__(send)
        self._scope = project, domain
        self._query = ""
        self._html = ""

    def look(self, message: Asked) -> None:
        if isinstance(message, Hello | List):
            self._query = message.query

    def compose(self) -> str | None:
        is_new = self.begins()
        html = render_to_string("runs/_runs.html", lists.read_page(*self._scope, self._query))
        if html == self._html and not is_new:
            return None
        self._html = html
        return partial("runs", html, "innerMorph")
