"""What one run page shows: its scroll position, filter, selection and log, from the messages that it has sent."""

from __future__ import annotations

from dataclasses import dataclass, replace

from runs.protocol.constants import WINDOW_ROWS
from runs.protocol.messages import (
    NO_LOG,
    Asked,
    Filter,
    Focus,
    Follow,
    Hello,
    Levels,
    Lines,
    Log,
    Scroll,
    Seek,
    Select,
    Toggle,
)
from runs.tree.filter import EVERYTHING, MAX_TOGGLED, RowFilter, make_filter


@dataclass(frozen=True, slots=True)
class PageState:
    """Immutable: a reader thread composes a frame from it while messages of the page make the next one.

    around: the action around which the window lies, until the page reports its scroll position; focus: the action whose row
    stays in the page; selected: the action in the panel; lines: whether it shows what was printed last; seek: the last message
    that asked for another place.
    """

    since: int = -1
    first: int = 0
    count: int = WINDOW_ROWS
    filter: RowFilter = EVERYTHING
    follows: bool = False
    around: str = ""
    focus: str = ""
    selected: str = ""
    lines: bool = False
    seek: Seek | None = None
    log: Log = NO_LOG

    def after(self, message: Asked, shown: int) -> PageState:
        """The state after a message. shown: the first row in the page now, where it stays when it stops to follow."""
        state = self
        match message:
            case Hello():
                state = _from_hello(message)
            case Scroll():
                state = replace(self, first=message.first, count=message.count, around="")
            case Lines():
                state = replace(self, lines=message.on)
            case Log():
                state = replace(self, log=message)
            case Focus():
                state = replace(self, focus=message.name)
            case Select():
                state = replace(self, selected=message.name)
            case Follow():
                state = replace(self, first=shown, follows=message.on, around="")
            case Seek():
                state = replace(self, follows=False, around="", seek=message)
            case Toggle():
                toggled = self.filter.toggled ^ {message.name}
                if len(toggled) <= MAX_TOGGLED:
                    state = replace(self, filter=replace(self.filter, toggled=toggled))
            case Levels():
                row_filter = replace(self.filter, depth=max(0, message.depth), toggled=frozenset())
                state = replace(self, filter=row_filter, around=message.around)
            case Filter():
                row_filter = replace(
                    make_filter(
                        text=message.text, statuses=message.looks, started=message.started, sort=message.sort
                    ),
                    depth=self.filter.depth,
                    toggled=self.filter.toggled,
                )
                state = replace(self, filter=row_filter, around=message.around)
        return state


def _from_hello(hello: Hello) -> PageState:
    row_filter = make_filter(
        depth=hello.depth, toggled=hello.toggled, text=hello.text, statuses=hello.looks, started=hello.started,
        sort=hello.sort,
    )  # fmt: skip
    return PageState(
        since=hello.since, first=hello.first, count=hello.count, filter=row_filter, follows=hello.follows,
        focus=hello.focus, selected=hello.selected, lines=hello.lines, log=hello.log,
    )  # fmt: skip
