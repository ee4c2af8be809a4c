"""The feed of a run page: its frames have the rows that changed in its window, the summary above them, and its log."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from django.template.loader import render_to_string

from runs.live.beside_rows import GAP_SECONDS, BesideRows
from runs.live.feed import POLL_SECONDS, Feed, Send
from runs.live.logs import LogTail
from runs.live.page_state import PageState
from runs.live.slides import lead
from runs.protocol.constants import HEARTBEAT_SECONDS
from runs.protocol.messages import NO_LOG, Asked, Log, Seek
from runs.queries.rows import find_seq
from runs.queries.runs import get_run_by_id
from runs.tree.filter import EVERYTHING
from runs.tree.page import RunPage
from runs.tree.render import Window
from runs.tree.snapshot import Snapshot
from runs.tree.snapshots import shared

# Nothing more is expected of an ended run; its feed stays for scrolling and toggling.
ENDED_POLL_SECONDS = 30.0
SETTLE_POLL_SECONDS = 1.0  # while the order of the rows is a moment old
ENDED_HEARTBEAT_SECONDS = 15.0
# Each of these spaces would be one more text node beside the part, with each morph.
SPACE = re.compile(r"(<hx-partial [^>]*>)\s+|\s+(?=</hx-partial>)")
PART = re.compile("(?=<hx-partial )")  # no name or message can hold it: what users write is escaped


class RunFeed(Feed):
    """The tree of one run."""

    name = "run"

    def __init__(self, run_id: int, send: Send) -> None:
        super().__init__(send)
        self._run_id = run_id
        self._state = PageState()
        self._snapshot: Snapshot | None = None
        self._shown: Window | None = None
        self._parts: list[str] = []  # of title, header and counts, as they were sent last
        self._panel: dict[str, object] = {}  # as sent last: see _panel_news
        self._inputs: tuple[str, ...] = ()  # by which rows can be sorted, as sent last
        self._done_seek: Seek | None = None
        self._found: RunPage | None = None  # where the seek of the last frame went
        self._composed: PageState | None = None  # the state of the last frame, until a message changes it
        self._scrolled: PageState | None = None  # the same, with `first` where its rows are now
        self._tail = LogTail(run_id, NO_LOG)
        self._beside = BesideRows(run_id)

    def apply(self, message: Asked) -> None:
        shown = self._shown.before if self._shown else self._state.first
        self._state = self._state.after(message, shown)

    def compose(self) -> str | None:
        if self._snapshot is None:
            self._snapshot = shared.get(get_run_by_id(self._run_id))
        if self.takes_hello():
            self._shown, self._parts, self._panel, self._inputs = None, [], {}, ()
            self._beside = BesideRows(self._run_id)
        state = self._state
        page = self._read_page(self._snapshot, state)
        is_sought = state.seek is not None and state.seek is not self._done_seek
        news = self._log_news(state.log) | self._panel_news(page.window, state.selected)
        news |= self._beside.compose(page, shows=state.lines, selected=state.selected)
        if page.inputs != self._inputs:
            self._inputs = page.inputs
            news |= {"inputs": page.inputs}
        if is_sought:
            news |= {"sought": page.goal, "opened": sorted(page.opened)}
        self.extras = {"rows": [page.start, page.start + len(page.window.rows)]} | news
        self._found = page if is_sought else None
        self._done_seek = state.seek
        self._scrolled = replace(state, first=page.start) if self._stays_amid(state) else state
        self._composed = state
        self.seq = max(page.seq, 0)
        if self._shown is None and self._has_window(page, state):
            self._shown = page.window
        partials = [*lead(self._shown, page.window), *self._above(page)]
        self._shown = page.window
        self.patience = self._patience_with(page, state)
        self.heartbeat = ENDED_HEARTBEAT_SECONDS if page.summary.is_over else HEARTBEAT_SECONDS
        return "".join(partials) or ("" if news else None)

    @staticmethod
    def _patience_with(page: RunPage, state: PageState) -> float:
        """What is printed, and an order that settles, come without a hint."""
        if page.settles:
            return SETTLE_POLL_SECONDS
        if state.lines and page.running:
            return GAP_SECONDS
        return ENDED_POLL_SECONDS if page.summary.is_over else POLL_SECONDS

    def _panel_news(self, window: Window, selected: str) -> dict[str, Any]:
        """The sequence number of the selected action when its row is not in the page; {} when it was sent before."""
        has_row = not selected or selected in window.kept
        seq = None if has_row else find_seq(self._run_id, selected)
        before, self._panel = self._panel, {} if seq is None else {"name": selected, "seq": seq}
        return {"panel": self._panel} if self._panel and self._panel != before else {}

    def _log_news(self, log: Log) -> dict[str, Any]:
        """The lines after those that were sent; a new Log message starts at its own offset."""
        if self._tail.asked is not log:
            self._tail = LogTail(self._run_id, log)
        news = self._tail.compose()
        return {"log": news} if news else {}

    def _read_page(self, snapshot: Snapshot, state: PageState) -> RunPage:
        first, count, row_filter = state.first, state.count, state.filter
        if state.seek is not None and state.seek is not self._done_seek:
            if state.seek.to:
                return snapshot.page_at_action(state.seek.to, first, count, row_filter, focus=state.focus)
            return snapshot.page_at_failure(
                state.seek.name, first, count, row_filter, back=state.seek.back, focus=state.focus
            )
        if state.follows:
            return snapshot.page_at_newest(first, count, row_filter, focus=state.focus)
        if state.around:
            return snapshot.page_around(state.around, row_filter, focus=state.focus)
        anchor = self._shown.middle if self._shown and self._stays_amid(state) else None
        return snapshot.page_from(first, count, row_filter, focus=state.focus, anchor=anchor)

    def _stays_amid(self, state: PageState) -> bool:
        """Whether the reader stays amid the tree: then the window moves with its rows. At the top, the first rows stay in view."""
        return state is self._composed and state.first > 0 and not (state.follows or state.around)

    def after_compose(self) -> None:
        """Go on from where a seek went or the rows moved. More of a long log follows without a hint."""
        if self._tail.has_more:
            self.hint()
        if self._state is self._composed and self._scrolled is not None:
            self._state = self._composed = self._scrolled
        if (goal := self._found) is not None:
            state, self._found = self._state, None
            row_filter = replace(state.filter, toggled=state.filter.toggled ^ goal.opened)
            self._state = replace(state, first=goal.start, filter=row_filter)

    def _has_window(self, page: RunPage, state: PageState) -> bool:
        """Whether the page was loaded with just these rows. After a reconnect it may have asked for others in vain."""
        if page.waits:
            return False
        came_with = (page.seq, page.start, len(page.window.rows), EVERYTHING, None)
        return came_with == (state.since, state.first, state.count, state.filter, page.window.pin)

    def _above(self, page: RunPage) -> list[str]:
        """The parts of title, header and counts that changed. Only those, because each costs the browser a swap."""
        html = render_to_string("runs/tree/_frame_header.html", {"page": page, "summary": page.summary})
        before, self._parts = self._parts, PART.split(SPACE.sub(r"\1", html))
        return [part for part in self._parts if part not in before]
