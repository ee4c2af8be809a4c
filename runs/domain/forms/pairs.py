"""Names and values, one a line, as `NAME=value`: environment variables and labels. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from runs.domain.errors import Invalid


def show_pairs(pairs: Mapping[str, str]) -> str:
    """As `read_pairs` reads them. A value that a line cannot hold as it is stands there as JSON has it, in quotes."""
    return "\n".join(f"{name}={_shown(value)}" for name, value in pairs.items())


def _shown(value: str) -> str:
    is_plain = value == value.strip() and value.isprintable() and not value.startswith('"')
    return value if is_plain else json.dumps(value)


def read_pairs(text: str, what: str) -> dict[str, str]:
    """The pairs, in their order. what: a word for one of them. Raises Invalid with the line."""
    pairs: dict[str, str] = {}
    for line in text.replace("\r\n", "\n").split("\n"):
        if not line.strip():
            continue
        name, is_pair, value = line.partition("=")
        name = name.strip()
        if not is_pair or not name:
            raise Invalid(f"{line.strip()[:80]!r} is no {what}: write NAME=value, each in a line of its own")
        if name in pairs:
            raise Invalid(f"the {what} {name!r} is there twice")
        pairs[name] = _value(value.strip())
    return pairs


def _value(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Invalid(f"{text[:80]} begins like a quoted text, but is none: {error}") from error
    if not isinstance(value, str):
        raise Invalid(f"{text[:80]} is not a text")
    return value
