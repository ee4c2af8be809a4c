"""Puts `••••` where the value of a secret stands in a text, and in texts that come in pieces, wherever they are cut.

Also where it stands as Base64, quoted for a URL, escaped for JSON, Python or HTML, or as one line of a value of many lines. What
code makes of a value otherwise is not found.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, quote_plus

import msgspec

from runs.domain.failures import Failure
from runs.protocol import frames

MASK = "••••"
SHORTEST = 4  # characters: what is shorter stands in many texts by chance
SHORTEST_LINE = 8  # of a value of many lines
SHORTEST_INSIDE = 8  # characters of Base64, where the value is a part of what was encoded
Mask = Callable[[str], str]


class Masker:
    """The values of one action, and the ends of its streams that may be the beginning of one. One thread at a time."""

    def __init__(self, values: Iterable[bytes]) -> None:
        forms = {form for value in values for form in forms_of(value)}
        self._forms = sorted(forms, key=len, reverse=True)  # of two that begin alike, the longer one is meant
        self._pattern = re.compile("|".join(map(re.escape, self._forms)) or r"(?!)")
        self._held: dict[str, str] = {}

    def mask(self, text: str) -> str:
        """A text that is whole."""
        return self._pattern.sub(MASK, text)

    def feed(self, stream: str, text: str) -> str:
        """The next piece of a stream: what of it, and of the pieces before, can be shown now."""
        shown, held = self._split(self._held.pop(stream, "") + text)
        if held:
            self._held[stream] = held
        return shown

    def end(self) -> list[tuple[str, str]]:
        """What was held back, by stream: nothing follows any more."""
        held, self._held = self._held, {}
        return [(stream, self.mask(text)) for stream, text in held.items()]

    def _split(self, text: str) -> tuple[str, str]:
        shown: list[str] = []
        begins = self._begins(text)
        at = 0
        while True:
            match = self._pattern.search(text, at)
            held = next((begin for begin in begins if begin >= at), len(text))
            if match is None or held <= match.start():
                return "".join((*shown, text[at:held])), text[held:]
            shown += text[at : match.start()], MASK
            at = match.end()

    def _begins(self, text: str) -> list[int]:
        """Where a value begins, perhaps, that goes on in the next piece."""
        found = set()
        last_line = text.rfind("\n") + 1
        for form in self._forms:
            first = 0 if "\n" in form else last_line
            at = text.find(form[0], max(first, len(text) - len(form) + 1))
            while at >= 0:
                if form.startswith(text[at : at + SHORTEST]) and form.startswith(text[at:]):
                    found.add(at)
                at = text.find(form[0], at + 1)
        return sorted(found)


def forms_of(value: bytes) -> Iterator[str]:
    """The texts in which a value shows. The white space around it does not count."""
    value = value.strip()
    text = value.decode("utf-8", "backslashreplace")
    quoted = (quote(text), quote(text, safe=""), quote_plus(text))
    escaped = (
        repr(text)[1:-1],
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        html.escape(text),
    )
    lines = (line for line in map(str.strip, text.splitlines()) if len(line) >= SHORTEST_LINE)
    for form in (text, *quoted, *escaped, *_in_base64(value), *lines):
        if len(form) >= SHORTEST:
            yield form


def _in_base64(value: bytes) -> Iterator[str]:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(value).decode()
        # As a part of what was encoded, such as a header `Authorization: Basic`: three bytes are four characters, and those
        # at the ends depend on what stands there.
        for before, cut in enumerate((0, 2, 3)):
            inside = encode(bytes(before) + value).decode()[cut : (before + len(value)) * 8 // 6]
            if len(inside) >= SHORTEST_INSIDE:
                yield inside


def mask_failure(failure: Failure, mask: Mask) -> Failure:
    return Failure(mask(failure.code), mask(failure.message), failure.kind, failure.recoverable)


def mask_event(event: frames.Event, mask: Mask) -> frames.Event:
    """The event with all that code has said in it masked. Output is masked where it is gathered."""
    changes: dict[str, object] = {
        name: mask(text)
        for name in ("left_behind", "changed", "what", "stack")
        if (text := getattr(event, name, ""))
    }
    if (failure := getattr(event, "failure", None)) is not None:
        changes["failure"] = mask_failure(failure, mask)
    return msgspec.structs.replace(event, **changes) if changes else event


def owner_of(event: frames.Event) -> frames.Key | None:
    """The action whose code has said what is in the event; None where that is no action's."""
    if isinstance(event, frames.Using):
        return None
    if isinstance(event, frames.Enqueue):
        return frames.Key(event.run, event.parent)
    return event.key
