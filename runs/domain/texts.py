"""Text as it can be encoded, stored and sent: without what UTF-8 or a database refuses, and within a number of bytes. Pure."""

from __future__ import annotations

_LONGEST_CHARACTER = 4  # bytes in UTF-8
_MOST = 1000  # of a unit, before the next is shown
_NOTE_BYTES = 80  # what the note about the part that is left out takes, at most


def clean(text: str) -> str:
    """The text with U+FFFD or `?` for what cannot be stored: Python strings may hold lone surrogates, databases refuse NUL."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 run`, `2,000 runs`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def format_bytes(size: float) -> str:
    """Such as `412 MiB` and `1.4 GiB`."""
    for unit in ("B", "KiB", "MiB"):
        if size < _MOST:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def shorten(text: str, max_bytes: int) -> str:
    """The text in at most `max_bytes` of UTF-8: whole, or its first and last part, and between them how much is left out.

    Both, because a traceback begins with where it was and ends with what it was. The text must be clean.
    """
    if len(text) * _LONGEST_CHARACTER <= max_bytes:
        return text
    data = text.encode()
    if len(data) <= max_bytes:
        return text
    kept = max_bytes - _NOTE_BYTES
    head, tail = data[: kept // 2], data[-(kept - kept // 2) :]
    note = f"\n[flyteui: {len(data) - kept:,} of {len(data):,} bytes are left out here]\n"
    return head.decode(errors="ignore") + note + tail.decode(errors="ignore")
