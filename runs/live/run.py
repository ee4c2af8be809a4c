"""The feed of a run page: the rows that changed in its window, and what stands above them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from django.template.loader import render_to_string

from runs import tree
from runs.live.feed import POLL_SECONDS, Feed, Send
from runs.live.messages import Asked, Filter, Focus, Follow, Hello, Levels, Look, Toggle
from runs.queries import pages
from runs.rows import Window, partial, spacer, whole
from runs.snapshot import EVERYTHING, MAX_TOGGLED, Seen, Shape, Snapshot, make_shape, shared

# Nothing more is expected of an ended run; its feed stays for scrolling and toggling.
ENDED_POLL_SECONDS = 30.0
# Up to so many changed rows are sent one by one; more, as one window.
MAX_PARTIALS = 40
PART = re.compile("(?=<hx-partial )")  # no name or message can hold it: what users write is escaped


@dataclass(frozen=True, slots=True)
class View:
    """What a page shows. Replaced whole, because compose reads it in another thread.

    around: whose row the window surrounds, until the page says where it is; focus: whose row stays in the page.
    """

    since: int = -1
    first: int = 0
    count: int = tree.MAX_WINDOW
    shape: Shape = EVERYTHING
    follows: bool = False
    around: str = ""
    focus: str = ""


class RunFeed(Feed):
    """The tree of one run."""

    name = "run"

    def __init__(self, run_id: int, send: Send) -> None:
        super().__init__(send)
        self._run_id = run_id
        self._view = View()
        self._snapshot: Snapshot | None = None
        self._shown: Window | None = None
        self._said: list[str] = []  # above the rows

    def look(self, message: Asked) -> None:
        view, shape = self._view, self._view.shape
        match message:
            case Hello():
                shape = make_shape(
                    depth=message.depth, toggled=message.toggled, text=message.text, looks=message.looks
                )
                self._view = View(
                    message.since, message.first, message.count, shape, message.follows, "", message.focus
                )
                return
            case Look():
                self._view = replace(view, first=message.first, count=message.count, around="")
                return
            case Focus():
                self._view = replace(view, focus=message.name)
                return
            case Follow():
                first = self._shown.before if self._shown else view.first
                self._view = replace(view, first=first, follows=message.on, around="")
                return
            case Toggle():
                toggled = shape.toggled ^ {message.name}
                shape = replace(shape, toggled=toggled) if len(toggled) <= MAX_TOGGLED else shape
            case Levels():
                shape = replace(shape, depth=max(0, message.depth), toggled=frozenset())
                view = replace(view, around=message.around)
            case Filter():
                asked = make_shape(text=message.text, looks=message.looks)
                shape = replace(shape, text=asked.text, looks=asked.looks)
                view = replace(view, around=message.around)
        self._view = replace(view, shape=shape)

    def compose(self) -> str | None:
        if self._snapshot is None:
            self._snapshot = shared.get(pages.get_run_by_id(self._run_id))
        view = self._view
        seen = _look_at(self._snapshot, view)
        self.seq = max(seen.seq, 0)
        if self._shown is None and self._page_has(seen, view):
            self._shown = seen.window
        partials = [*self._rows(seen.window), *self._above(seen)]
        self._shown = seen.window
        self.patience = ENDED_POLL_SECONDS if seen.summary.is_over else POLL_SECONDS
        return "".join(partials) or None

    def _page_has(self, seen: Seen, view: View) -> bool:
        """Whether the page came with just these rows. After a reconnect it may have asked for others in vain."""
        came_with = (seen.seq, seen.start, len(seen.window.rows), EVERYTHING, None)
        return came_with == (view.since, view.first, view.count, view.shape, seen.window.pin)

    def _rows(self, window: Window) -> list[str]:
        shown = self._shown
        if shown is None or shown.order != window.order:
            return [whole(window)]
        rows, had = window.kept, shown.kept
        changed = [name for name, html in rows.items() if had[name] != html]
        if len(changed) > MAX_PARTIALS:
            return [whole(window)]
        partials = [partial(f"action-{name}", rows[name], "outerMorph") for name in changed]
        spacers = shown.spacers
        return partials + [spacer(one, n) for one, n in window.spacers.items() if spacers[one] != n]

    def _above(self, seen: Seen) -> list[str]:
        """What changed of title, header and counts. Only that, because each part costs the browser a swap."""
        html = render_to_string("runs/live/_above.html", {"seen": seen, "summary": seen.summary})
        before, self._said = self._said, PART.split(html)
        return [part for part in self._said if part not in before]


def _look_at(snapshot: Snapshot, view: View) -> Seen:
    if view.follows:
        return snapshot.see_newest(view.first, view.count, view.shape, focus=view.focus)
    if view.around:
        return snapshot.see_around(view.around, view.shape, focus=view.focus)
    return snapshot.see(view.first, view.count, view.shape, focus=view.focus)
