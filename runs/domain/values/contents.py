"""What a file holds, by its first bytes and its name. A name alone is not believed: what is shown must be what it says."""

from __future__ import annotations

from enum import StrEnum, auto
from pathlib import PurePosixPath

SNIFFED = 4096  # bytes, at least, that `sniff` is given of a longer file


class Content(StrEnum):
    """How a file can be shown. OTHER: not at all."""

    IMAGE = auto()
    TABLE = auto()
    PARQUET = auto()
    JSON = auto()
    TEXT = auto()
    EMPTY = auto()
    OTHER = auto()


_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
SVG = "image/svg+xml"
_TABLES = frozenset({".csv", ".tsv", ".psv"})


def image_type(head: bytes) -> str:
    """The media type of an image that every browser shows; "" for anything else."""
    for magic, kind in _IMAGES:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1024].lower()
    is_svg = text.startswith(b"<svg") or (
        text.startswith((b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in text
    )
    return SVG if is_svg else ""


def sniff(head: bytes, name: str, form: str = "") -> Content:
    """head: its first bytes; form: the format that the value names."""
    suffix = PurePosixPath(name).suffix.lower()
    if not head:
        return Content.EMPTY
    if head.startswith(b"PAR1"):
        return Content.PARQUET
    if image_type(head):
        return Content.IMAGE
    if not is_text(head):
        return Content.OTHER
    if suffix in _TABLES or form.lower() == "csv":
        return Content.TABLE
    return Content.JSON if suffix in {".json", ".ipynb"} or form.lower() == "json" else Content.TEXT


def is_text(head: bytes) -> bool:
    """Whether it is UTF-8; the last character may be cut."""
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and "unexpected end" in error.reason
    return True
