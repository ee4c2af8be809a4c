"""What a run page shows, as it has said so far."""

from __future__ import annotations

from dataclasses import dataclass, replace

from runs import tree
from runs.live.messages import (
    NO_LOG,
    Asked,
    Filter,
    Focus,
    Follow,
    Hello,
    Levels,
    Log,
    Look,
    Seek,
    Select,
    Toggle,
)
from runs.shapes import EVERYTHING, MAX_TOGGLED, Shape, make_shape


@dataclass(frozen=True, slots=True)
class View:
    """Never changed but replaced, because a frame is composed from it in another thread.

    around: whose row the window surrounds, until the page says where it is; focus: whose row stays in the page;
    selected: whose panel is open; seek: where the page was last sent to.
    """

    since: int = -1
    first: int = 0
    count: int = tree.MAX_WINDOW
    shape: Shape = EVERYTHING
    follows: bool = False
    around: str = ""
    focus: str = ""
    selected: str = ""
    seek: Seek | None = None
    log: Log = NO_LOG

    def after(self, message: Asked, shown: int) -> View:
        """The view that the page asks for. shown: the first row that it has now, where following stops."""
        view = self
        match message:
            case Hello():
                view = _greet(message)
            case Look():
                view = replace(self, first=message.first, count=message.count, around="")
            case Log():
                view = replace(self, log=message)
            case Focus():
                view = replace(self, focus=message.name)
            case Select():
                view = replace(self, selected=message.name)
            case Follow():
                view = replace(self, first=shown, follows=message.on, around="")
            case Seek():
                view = replace(self, follows=False, around="", seek=message)
            case Toggle():
                toggled = self.shape.toggled ^ {message.name}
                if len(toggled) <= MAX_TOGGLED:
                    view = replace(self, shape=replace(self.shape, toggled=toggled))
            case Levels():
                shape = replace(self.shape, depth=max(0, message.depth), toggled=frozenset())
                view = replace(self, shape=shape, around=message.around)
            case Filter():
                asked = make_shape(text=message.text, looks=message.looks, started=message.started)
                shape = replace(self.shape, text=asked.text, looks=asked.looks, started=asked.started)
                view = replace(self, shape=shape, around=message.around)
        return view


def _greet(hello: Hello) -> View:
    shape = make_shape(
        depth=hello.depth, toggled=hello.toggled, text=hello.text, looks=hello.looks, started=hello.started
    )
    return View(
        since=hello.since, first=hello.first, count=hello.count, shape=shape, follows=hello.follows,
        focus=hello.focus, selected=hello.selected, log=hello.log,
    )  # fmt: skip
