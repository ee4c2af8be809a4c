"""Feeds of live pages: join, snapshot, stream. They know no sockets: who owns one gives it a way to send.

A hint says that something changed; what changed is read by sequence number, so a lost or doubled hint costs nothing,
and a poll repairs a silence. One frame is under way at a time: the next one is made when the last was acknowledged,
because Daphne never makes a sender wait for a slow browser (STYLE.md §4).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import msgspec
from django.template.loader import render_to_string
from django.utils import timezone

from runs import database, tree
from runs.queries import executors, lists, pages
from runs.rows import Window, partial, spacer, whole
from runs.snapshot import EVERYTHING, MAX_TOGGLED, Seen, Shape, Snapshot, make_shape, shared
from runs.timeline import to_ms

Send = Callable[[str], Awaitable[None]]

POLL_SECONDS = 3.0
MIN_GAP_SECONDS = 0.1
MAX_GAP_SECONDS = 1.0
BURST = 3  # frames that may follow each other without a gap, after a quiet moment
# Nothing more is expected of an ended run; its feed stays for scrolling and toggling.
ENDED_POLL_SECONDS = 30.0
# Up to so many changed rows are sent one by one; more, as one window.
MAX_PARTIALS = 40


class Hello(msgspec.Struct, tag="hello", tag_field="kind", forbid_unknown_fields=True):
    """The first message: what the page shows. since: the sequence number of its rows, -1 to get them all.

    query: of a list of runs, as in the page's URL.
    """

    since: int
    first: int = 0
    count: int = 0
    depth: int = 0
    toggled: list[str] = []
    text: str = ""
    looks: list[str] = []
    query: str = ""
    follows: bool = False


class Look(msgspec.Struct, tag="window", tag_field="kind", forbid_unknown_fields=True):
    """The page scrolled."""

    first: int
    count: int


class Toggle(msgspec.Struct, tag="toggle", tag_field="kind", forbid_unknown_fields=True):
    """A branch was opened, or closed."""

    name: str


class Levels(msgspec.Struct, tag="levels", tag_field="kind", forbid_unknown_fields=True):
    """So many levels are open, and no branch is an exception; 0 is all of them."""

    depth: int


class Filter(msgspec.Struct, tag="filter", tag_field="kind", forbid_unknown_fields=True):
    """Only what matches is shown, and what is above it. looks: slugs. Empty ones match everything."""

    text: str = ""
    looks: list[str] = []


class List(msgspec.Struct, tag="list", tag_field="kind", forbid_unknown_fields=True):
    """Only runs that match are listed. query: as in the page's URL (runs/listings.py)."""

    query: str = ""


class Follow(msgspec.Struct, tag="follow", tag_field="kind", forbid_unknown_fields=True):
    """The window goes where the newest running action is, or stays where it is now."""

    on: bool


class Ack(msgspec.Struct, tag="ack", tag_field="kind", forbid_unknown_fields=True):
    """The page shows the last frame."""

    seq: int


Asked = Hello | Look | Toggle | Levels | Filter | Follow | List
Message = Asked | Ack
decode = msgspec.json.Decoder(Message).decode


class Feed(ABC):
    """Composes a frame whenever something changed and the last frame was acknowledged."""

    name: str  # in the numbers of /metrics

    def __init__(self, send: Send) -> None:
        self._send = send
        self._greeted = asyncio.Event()
        self._dirty = asyncio.Event()
        self._dirty.set()
        self._asked = asyncio.Event()  # by the person at the page, who does not wait for the gap
        self._credit = asyncio.Event()
        self._credit.set()
        self._sent_at = 0.0
        self._gap = MIN_GAP_SECONDS
        self._frames_due = float(BURST)  # how many may go out now; one more with each gap that passes
        self._counted_at = 0.0

    def hint(self) -> None:
        """Something may have changed."""
        self._dirty.set()

    def take(self, message: Message) -> None:
        """Do what the page says; never waits."""
        match message:
            case Ack():
                self._gap = min(max(2 * (time.monotonic() - self._sent_at), MIN_GAP_SECONDS), MAX_GAP_SECONDS)
                self._credit.set()
            case _:
                self.look(message)
                self._asked.set()
                self._dirty.set()
        if isinstance(message, Hello):
            self._greeted.set()

    def look(self, message: Asked) -> None:  # noqa: B027  # a feed without a view has nothing to do
        """Change what is shown."""

    async def run(self) -> None:
        """Stream until cancelled. Raises NotFound."""
        await self._greeted.wait()
        while True:
            await self._credit.wait()
            with contextlib.suppress(TimeoutError):
                # Not wait_for: before Python 3.12 it swallows a cancel that comes together with a hint.
                async with asyncio.timeout(self.patience):
                    await self._dirty.wait()
            self._dirty.clear()
            self._asked.clear()
            if content := await database.read(self.compose):
                await self._emit(content)
                await self._pause()

    async def _emit(self, content: str) -> None:
        self._credit.clear()
        self._sent_at = time.monotonic()
        frame = {"content": content, "swap": "none", "seq": self.seq, "now": to_ms(timezone.now())}
        await self._send(json.dumps(frame))

    async def _pause(self) -> None:
        """Leave a gap after a frame, unless the person at the page asks for something.

        A few frames may follow each other without one: a click is answered by "aborting" and a moment later by "aborted".
        """
        now = time.monotonic()
        self._frames_due = min(self._frames_due + (now - self._counted_at) / self._gap, BURST) - 1
        self._counted_at = now
        if self._frames_due >= 1:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._gap):
                await self._asked.wait()

    seq = 0
    patience = POLL_SECONDS

    @abstractmethod
    def compose(self) -> str | None:
        """The next frame's content, or None when nothing changed. Runs in a reader thread."""


@dataclass(frozen=True, slots=True)
class View:
    """What a page shows. Replaced whole, because compose reads it in another thread."""

    since: int = -1
    first: int = 0
    count: int = tree.MAX_WINDOW
    shape: Shape = EVERYTHING
    follows: bool = False


class RunFeed(Feed):
    """The tree of one run."""

    name = "run"

    def __init__(self, run_id: int, send: Send) -> None:
        super().__init__(send)
        self._run_id = run_id
        self._view = View()
        self._snapshot: Snapshot | None = None
        self._shown: Window | None = None
        self._summary = ""

    def look(self, message: Asked) -> None:
        view, shape = self._view, self._view.shape
        match message:
            case Hello():
                shape = make_shape(
                    depth=message.depth, toggled=message.toggled, text=message.text, looks=message.looks
                )
                self._view = View(message.since, message.first, message.count, shape, message.follows)
                return
            case Look():
                self._view = replace(view, first=message.first, count=message.count)
                return
            case Follow():
                first = self._shown.before if self._shown else view.first
                self._view = replace(view, first=first, follows=message.on)
                return
            case Toggle():
                toggled = shape.toggled ^ {message.name}
                shape = replace(shape, toggled=toggled) if len(toggled) <= MAX_TOGGLED else shape
            case Levels():
                shape = replace(shape, depth=max(0, message.depth), toggled=frozenset())
            case Filter():
                asked = make_shape(text=message.text, looks=message.looks)
                shape = replace(shape, text=asked.text, looks=asked.looks)
        self._view = replace(view, shape=shape)

    def compose(self) -> str | None:
        if self._snapshot is None:
            self._snapshot = shared.get(pages.get_run_by_id(self._run_id))
        view = self._view
        see = self._snapshot.see_newest if view.follows else self._snapshot.see
        seen = see(view.first, view.count, view.shape)
        self.seq = max(seen.seq, 0)
        if self._shown is None and self._page_has(seen, view):
            self._shown = seen.window
        partials = [*self._rows(seen.window), *self._above(seen)]
        self._shown = seen.window
        self.patience = ENDED_POLL_SECONDS if seen.summary.is_over else POLL_SECONDS
        return "".join(partials) or None

    def _page_has(self, seen: Seen, view: View) -> bool:
        """Whether the page came with just these rows. After a reconnect it may have asked for others in vain."""
        came_with = (seen.seq, seen.start, len(seen.window.rows), EVERYTHING)
        return came_with == (view.since, view.first, view.count, view.shape)

    def _rows(self, window: Window) -> list[str]:
        shown = self._shown
        if shown is None or list(shown.rows) != list(window.rows) or shown.before != window.before:
            return [whole(window)]
        changed = [name for name, html in window.rows.items() if shown.rows[name] != html]
        if len(changed) > MAX_PARTIALS:
            return [whole(window)]
        partials = [partial(f"action-{name}", window.rows[name], "outerMorph") for name in changed]
        if shown.after != window.after:
            partials.append(spacer("rows-after", window.after))
        return partials

    def _above(self, seen: Seen) -> list[str]:
        """Header and counts, when they changed."""
        html = render_to_string("runs/live/_above.html", {"seen": seen, "summary": seen.summary})
        if html == self._summary:
            return []
        self._summary = html
        return [html]


class FleetFeed(Feed):
    """The executors. What they hold changes without a hint, so it is looked at often."""

    name = "executors"
    patience = 1.0

    def __init__(self, send: Send) -> None:
        super().__init__(send)
        self._html = ""

    def compose(self) -> str | None:
        html = render_to_string("runs/_fleet.html", {"fleet": executors.get_fleet()})
        if html == self._html:
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
        html = render_to_string("runs/_runs.html", lists.read_page(*self._scope, self._query))
        if html == self._html:
            return None
        self._html = html
        return partial("runs", html, "innerMorph")
