"""The feed of a run page: the rows that changed in its window, and what stands above them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from django.template.loader import render_to_string

from runs.live.feed import BEAT_SECONDS, POLL_SECONDS, Feed, Send
from runs.live.logs import LogTail
from runs.live.messages import NO_LOG, Asked, Log, Seek
from runs.live.slides import lead
from runs.live.view import View
from runs.queries import pages
from runs.queries.rows import find_seq
from runs.rows import Window
from runs.seen import Seen
from runs.shapes import EVERYTHING
from runs.snapshot import Snapshot, shared

# Nothing more is expected of an ended run; its feed stays for scrolling and toggling.
ENDED_POLL_SECONDS = 30.0
ENDED_BEAT_SECONDS = 15.0
# Each of these spaces would be one more text node beside the part, with each morph.
SPACE = re.compile(r"(<hx-partial [^>]*>)\s+|\s+(?=</hx-partial>)")
PART = re.compile("(?=<hx-partial )")  # no name or message can hold it: what users write is escaped


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
        self._panel: dict[str, object] = {}  # what was said last of an action whose row is not in the page
        self._answered: Seek | None = None
        self._goal: Seen | None = None  # what the last frame was sought for
        self._kept: View | None = None  # the view of the last frame, until the page asks for another
        self._moved: View | None = None  # it, where its rows are now
        self._tail = LogTail(run_id, NO_LOG)

    def look(self, message: Asked) -> None:
        shown = self._shown.before if self._shown else self._view.first
        self._view = self._view.after(message, shown)

    def compose(self) -> str | None:
        if self._snapshot is None:
            self._snapshot = shared.get(pages.get_run_by_id(self._run_id))
        if self.begins():
            self._shown, self._said, self._panel = None, [], {}
        view = self._view
        seen = self._seen(self._snapshot, view)
        is_sought = view.seek is not None and view.seek is not self._answered
        told = self._follow(view.log) | self._panel_of(seen.window, view.selected)
        if is_sought:
            told |= {"sought": seen.goal, "opened": sorted(seen.opened)}
        self.extras = {"rows": [seen.start, seen.start + len(seen.window.rows)]} | told
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
        return "".join(partials) or ("" if told else None)

    def _panel_of(self, window: Window, selected: str) -> dict[str, Any]:
        """What no row tells of the selected action: the number of its last change, once."""
        is_told_by_row = not selected or selected in window.kept
        seq = None if is_told_by_row else find_seq(self._run_id, selected)
        before, self._panel = self._panel, {} if seq is None else {"name": selected, "seq": seq}
        return {"panel": self._panel} if self._panel and self._panel != before else {}

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
        if seen.waits:
            return False
        came_with = (seen.seq, seen.start, len(seen.window.rows), EVERYTHING, None)
        return came_with == (view.since, view.first, view.count, view.shape, seen.window.pin)

    def _above(self, seen: Seen) -> list[str]:
        """What changed of title, header and counts. Only that, because each part costs the browser a swap."""
        html = render_to_string("runs/live/_above.html", {"seen": seen, "summary": seen.summary})
        before, self._said = self._said, PART.split(SPACE.sub(r"\1", html))
        return [part for part in self._said if part not in before]
