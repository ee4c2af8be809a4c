"""What a page says to its feed: JSON objects, told apart by `kind`."""

from __future__ import annotations

from typing import Annotated

import msgspec

# What fits a column of a database and a number of JavaScript. -1 is "none of them".
Whole = Annotated[int, msgspec.Meta(ge=-1, le=2**53)]


class Log(msgspec.Struct, tag="log", tag_field="kind", forbid_unknown_fields=True, frozen=True):
    """The page shows the log of this action (its id; 0: none), of one attempt or of all (0).

    It was told up to this chunk, and so many lines of the next one: what follows comes in frames, as `log`.
    """

    action: Whole = 0
    attempt: Whole = 0
    chunk: Whole = 0
    lines: Whole = 0


NO_LOG = Log()


class Tail(msgspec.Struct, tag="tail", tag_field="kind", forbid_unknown_fields=True, frozen=True):
    """The page shows the log of a run up to this place: what follows comes in frames, as `log`. chunk -1: it shows an earlier part of it,
    and asks for nothing. query: which lines it wants, as in its URL.
    """

    chunk: Whole = -1
    number: Whole = 0
    query: str = ""


NO_TAIL = Tail()


class Hello(msgspec.Struct, tag="hello", tag_field="kind", forbid_unknown_fields=True):
    """The first message: what the page shows. since: the sequence number of its rows, -1 to get them all.

    query: of a list of runs, as in the page's URL.
    """

    since: Whole
    first: Whole = 0
    count: Whole = 0
    depth: Whole = 0
    toggled: list[str] = []
    text: str = ""
    looks: list[str] = []
    started: bool = False
    sort: str = ""
    query: str = ""
    follows: bool = False
    focus: str = ""
    selected: str = ""
    lines: bool = False
    log: Log = NO_LOG
    tail: Tail = NO_TAIL


class Scroll(msgspec.Struct, tag="window", tag_field="kind", forbid_unknown_fields=True):
    """The page scrolled."""

    first: Whole
    count: Whole


class Toggle(msgspec.Struct, tag="toggle", tag_field="kind", forbid_unknown_fields=True):
    """A branch was opened, or closed."""

    name: str


class Levels(msgspec.Struct, tag="levels", tag_field="kind", forbid_unknown_fields=True):
    """So many levels are open, and no branch is an exception; 0 is all of them. around: whose row is to stay in view."""

    depth: Whole
    around: str = ""


class Filter(msgspec.Struct, tag="filter", tag_field="kind", forbid_unknown_fields=True):
    """Only what matches is shown, and what is above it. looks: slugs. Empty ones match everything.

    around: whose row is to stay in view; started: what waits to start does not match; sort: as in the page's URL.
    """

    text: str = ""
    looks: list[str] = []
    started: bool = False
    sort: str = ""
    around: str = ""


class Focus(msgspec.Struct, tag="focus", tag_field="kind", forbid_unknown_fields=True):
    """This action's row has the focus: it stays in the page, wherever the window goes. It asks for no frame."""

    name: str


class Select(msgspec.Struct, tag="select", tag_field="kind", forbid_unknown_fields=True):
    """The panel shows this action, or none when `name` is empty. It asks for no frame.

    While its row is not in the page, frames say its number: `panel`, an object of name and seq.
    """

    name: str


class List(msgspec.Struct, tag="list", tag_field="kind", forbid_unknown_fields=True):
    """Only runs that match are listed. query: as in the page's URL (runs/domain/listings.py)."""

    query: str = ""


class Lines(msgspec.Struct, tag="lines", tag_field="kind", forbid_unknown_fields=True):
    """The page shows in its rows what runs has printed last and what it uses, or does not. They come in frames, as `lines` and `uses`:
    by name of the action.
    """

    on: bool


class Follow(msgspec.Struct, tag="follow", tag_field="kind", forbid_unknown_fields=True):
    """The window goes where the newest running action is, or stays where it is now."""

    on: bool


class Seek(msgspec.Struct, tag="seek", tag_field="kind", forbid_unknown_fields=True):
    """The window goes to the next action that failed after this one, or the one before; `name` empty: from the top.

    to: it goes to this action instead. The next frame answers: its `sought` is the name of where it went, empty when no
    action that matches failed, or when that one does not match.
    """

    name: str = ""
    back: bool = False
    to: str = ""


class Ack(msgspec.Struct, tag="ack", tag_field="kind", forbid_unknown_fields=True):
    """The page shows the last frame."""

    seq: Whole


Asked = Hello | Log | Tail | Lines | Scroll | Toggle | Levels | Filter | Follow | Focus | Select | List | Seek
Message = Asked | Ack
_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


def decode(text: str) -> Message:
    """Read a message; raises msgspec.DecodeError for what is none."""
    try:
        return _decoder.decode(text)
    except RecursionError as error:
        raise msgspec.DecodeError("it is nested too deep") from error
    except UnicodeEncodeError as error:
        raise msgspec.DecodeError(f"it is not UTF-8: {error}") from error
