"""The feed of a run page: the rows that changed in its window, and what stands above them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from django.template.loader import render_to_string

from runs import tree
from runs.live.feed import BEAT_SECONDS, POLL_SECONDS, Feed, Send
from runs.live.logs import LogTail
from runs.live.messages import NO_LOG, Asked, Filter, Focus, Follow, Hello, Levels, Log, Look, Seek, Toggle
from runs.live.slides import lead
from runs.queries import pages
from runs.rows import Window
from runs.seen import Seen
from runs.shapes import EVERYTHING, MAX_TOGGLED, Shape, make_shape
from runs.snapshot import Snapshot, shared

# Nothing more is expected of an ended run; its feed stays for scrolling and toggling.
ENDED_POLL_SECONDS = 30.0
ENDED_BEAT_SECONDS = 15.0
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
    seek: Seek | None = None
    log: Log = NO_LOG


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
        self._answered: Seek | None = None
        self._goal: Seen | None = None  # what the last frame was sought for
        self._kept: View | None = None  # the view of the last frame, until the page asks for another
        self._moved: View | None = None  # it, where its rows are now
        self._tail = LogTail(run_id, NO_LOG)

    def look(self, message: Asked) -> None:
        view, shape = self._view, self._view.shape
        match message:
            case Hello():
                shape = make_shape(
                    depth=message.depth, toggled=message.toggled, text=message.text, looks=message.looks,
                    started=message.started,
                )  # fmt: skip
                self._view = View(
                    message.since, message.first, message.count, shape, message.follows, "", message.focus,
                    log=message.log,
                )  # fmt: skip
                return
            case Log():
                self._view = replace(view, log=message)
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
            case Seek():
                self._view = replace(view, follows=False, around="", seek=message)
                return
            case Toggle():
                toggled = shape.toggled ^ {message.name}
                shape = replace(shape, toggled=toggled) if len(toggled) <= MAX_TOGGLED else shape
            case Levels():
                shape = replace(shape, depth=max(0, message.depth), toggled=frozenset())
                view = replace(view, around=message.around)
            case Filter():
                asked = make_shape(text=message.text, looks=message.looks, started=message.started)
                shape = replace(shape, text=asked.text, looks=asked.looks, started=asked.started)
                view = replace(view, around=message.around)
        self._view = replace(view, shape=shape)

    def compose(self) -> str | None:
        if self._snapshot is None:
            self._snapshot = shared.get(pages.get_run_by_id(self._run_id))
        if self.begins():
            self._shown, self._said = None, []
        view = self._view
        seen = self._seen(self._snapshot, view)
        is_sought = view.seek is not None and view.seek is not self._answered
        told = self._follow(view.log)
        self.extras = {"rows": [seen.start, seen.start + len(seen.window.rows)]} | told
        if is_sought:
            self.extras |= {"sought": seen.goal, "opened": sorted(seen.opened)}
        self._goal = seen if is_sought else None
        self._answered = view.seek
        self._moved = replace(view, first=seen.start) if self._is_kept(view) else view
        self._kept = view
        self.seq = max(seen.seq, 0)
        if self._shown is None and self._page_has(seen, view):
            self._shown = seen.window
        partials = [*lead(self._shown, seen.window), *self._above(seen)]
        self._shown = seen.window
        self.patience = ENDED_POLL_SECONDS if seen.summary.is_over else POLL_SECONDS
        self.beat = ENDED_BEAT_SECONDS if seen.summary.is_over else BEAT_SECONDS
        return "".join(partials) or ("" if is_sought or told else None)

    def _follow(self, log: Log) -> dict[str, Any]:
        """What was printed since; of a log that the page asks for anew, from where it says."""
        if self._tail.asked is not log:
            self._tail = LogTail(self._run_id, log)
        told = self._tail.compose()
        return {"log": told} if told else {}

    def _seen(self, snapshot: Snapshot, view: View) -> Seen:
        first, count, shape = view.first, view.count, view.shape
        if view.seek is not None and view.seek is not self._answered:
            if view.seek.to:
                return snapshot.see_action(view.seek.to, first, count, shape, focus=view.focus)
            return snapshot.see_failure(
                view.seek.name, first, count, shape, back=view.seek.back, focus=view.focus
            )
        if view.follows:
            return snapshot.see_newest(first, count, shape, focus=view.focus)
        if view.around:
            return snapshot.see_around(view.around, shape, focus=view.focus)
        anchor = self._shown.middle if self._shown and self._is_kept(view) else None
        return snapshot.see(first, count, shape, focus=view.focus, anchor=anchor)

    def _is_kept(self, view: View) -> bool:
        """Whether the reader stays amid the tree: then the window goes where its rows go. At the top it is the top that stays."""
        return view is self._kept and view.first > 0 and not (view.follows or view.around)

    def settle(self) -> None:
        """The page goes on from where it was brought, or its rows went, and hears the rest of a long log."""
        if self._tail.has_more:
            self.hint()
        if self._view is self._kept and self._moved is not None:
            self._view = self._kept = self._moved
        if (goal := self._goal) is not None:
            view, self._goal = self._view, None
            shape = replace(view.shape, toggled=view.shape.toggled ^ goal.opened)
            self._view = replace(view, first=goal.start, shape=shape)

    def _page_has(self, seen: Seen, view: View) -> bool:
        """Whether the page came with just these rows. After a reconnect it may have asked for others in vain."""
        came_with = (seen.seq, seen.start, len(seen.window.rows), EVERYTHING, None)
        return came_with == (view.since, view.first, view.count, view.shape, seen.window.pin)

    def _above(self, seen: Seen) -> list[str]:
        """What changed of title, header and counts. Only that, because each part costs the browser a swap."""
        html = render_to_string("runs/live/_above.html", {"seen": seen, "summary": seen.summary})
        before, self._said = self._said, PART.split(html)
        return [part for part in self._said if part not in before]
