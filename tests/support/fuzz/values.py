"""Values that a request may hold: mostly those that there are, so that it gets past the first check, and those that break things."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

STRANGE_TEXTS = (
    "", " ", "\0", "a\0b", "..", "../../etc/passwd", "/etc/passwd", "local:///etc/passwd", "file:///etc/passwd",
    "simplecache::file:///etc/passwd", "s3://bucket/x", "http://127.0.0.1:9/", "é", "\u202e", "\U0001f4a5", "%00", "%s", "{}",
    "<script>", "a" * 300, "9" * 30, "-1", "NaN", "1e999", "a/b", "a\\b", "a\nb", "?", "#", "[", "null", "true",
)  # fmt: skip
STRANGE_NUMBERS = (
    0, 1, -1, 2, 5, 127, 128, 255, 256, 65_535, 10**6, 2**31 - 1, 2**31, -(2**31), 2**32 - 1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63),
)  # fmt: skip


def texts(known: list[str]) -> st.SearchStrategy[str]:
    """known: names that there are."""
    return st.one_of(
        st.sampled_from([*known, *known, *STRANGE_TEXTS]), st.text(st.characters(codec="utf-8"), max_size=20)
    )


def numbers(least: int = -(2**63), most: int = 2**63 - 1) -> st.SearchStrategy[int]:
    strange = [number for number in STRANGE_NUMBERS if least <= number <= most]
    return st.one_of(st.sampled_from(strange), st.integers(least, most))


def any_json(known: list[str]) -> st.SearchStrategy[Any]:
    """JSON of any shape."""
    leaves = st.one_of(st.none(), st.booleans(), numbers(), st.floats(), texts(known))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(texts(known), inner, max_size=4)
        ),
        max_leaves=8,
    )


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """The same bytes cut off, with a few others in them, or none of them."""
    match draw(st.integers(0, 3)):
        case 0:
            return whole[: draw(st.integers(0, len(whole)))]
        case 1:
            at = draw(st.integers(0, len(whole)))
            return whole[:at] + draw(st.binary(min_size=1, max_size=8)) + whole[at:]
        case 2 if whole:
            at = draw(st.integers(0, len(whole) - 1))
            return whole[:at] + draw(st.binary(min_size=1, max_size=4)) + whole[at + 1 :]
    return draw(st.binary(max_size=64))
