"""What differs between two of something: values part by part, variables by name, files line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice

from runs.domain.texts import clean
from runs.domain.values.parts import Kind, Part

MAX_LEAVES = 2000  # of all inputs, or all outputs
MAX_DEPTH = 12
MAX_TEXT = 300  # characters of a value
MAX_LINES = 3000  # of a file; of more it is only said that it differs
MAX_FILES = 40  # of those that differ
CONTEXT = 3  # lines around what differs


@dataclass(frozen=True, slots=True)
class Pair:
    """A thing of this name on both sides, None where a side has none."""

    name: str
    a: str | None
    b: str | None

    @property
    def differs(self) -> bool:
        return self.a != self.b


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part that has no parts. key: what is compared, such as what a file holds; text: what is shown."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Differences:
    """pairs: those that differ first, in their order; same: how many are equal. is_cut: there are more than were compared."""

    pairs: tuple[Pair, ...]
    same: tuple[Pair, ...] = ()
    is_cut: bool = False

    @property
    def count(self) -> int:
        return len(self.pairs)


def leaves_of(parts: Mapping[str, Part]) -> Iterator[tuple[str, Part]]:
    """The parts that have none themselves, by their place: `config.layers[0].width`."""
    for name, part in parts.items():
        yield from _leaves(name, part, 0)


def _leaves(name: str, part: Part, depth: int) -> Iterator[tuple[str, Part]]:
    if not part.count or depth > MAX_DEPTH:
        yield name, part
        return
    for key, one in part.items():
        yield from _leaves(f"{name}[{key}]" if part.kind is Kind.LIST else f"{name}.{key}", one, depth + 1)


def first_leaves(parts: Mapping[str, Part]) -> tuple[dict[str, Part], bool]:
    """No more than are compared, and whether there are more."""
    found = list(islice(leaves_of(parts), MAX_LEAVES + 1))
    return dict(found[:MAX_LEAVES]), len(found) > MAX_LEAVES


def text_of(part: Part) -> str:
    if part.kind in {Kind.LIST, Kind.DICT}:
        return ("[…]" if part.count else "[]") if part.kind is Kind.LIST else ("{…}" if part.count else "{}")
    if part.kind is Kind.PICKLE:
        return f"{part.type}, {part.size:,} bytes"
    return part.text


def differences(a: Mapping[str, Leaf], b: Mapping[str, Leaf], *, is_cut: bool = False) -> Differences:
    """By name, in the order of the first side, then of the other."""
    pairs: list[Pair] = []
    same: list[Pair] = []
    for name in {**a, **b}:
        one, other = a.get(name), b.get(name)
        pair = Pair(clean(name)[:MAX_TEXT], shortly(one), shortly(other))
        (same if one and other and one.key == other.key else pairs).append(pair)
    return Differences(tuple(pairs), tuple(same), is_cut)


def shortly(leaf: Leaf | None) -> str | None:
    if leaf is None:
        return None
    text = clean(leaf.text)
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"


def plain_leaves(values: Mapping[str, str]) -> dict[str, Leaf]:
    return {name: Leaf(text, text) for name, text in values.items()}


# --- files ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """Lines of a file, as places in both sides: kept (equal), removed from a, added in b; `gap`: lines that are left out follow."""

    kind: str  # equal | delete | insert
    a: range
    b: range


@dataclass(frozen=True, slots=True)
class FileDifference:
    """name: of the file; a, b: its text, None where a side has none, or none that can be shown; hunks: what differs with lines around it.
    note: why there are no hunks.
    """

    name: str
    a: str | None
    b: str | None
    hunks: tuple[tuple[Change, ...], ...] = ()
    note: str = ""


def compare_files(a: Mapping[str, str | None], b: Mapping[str, str | None]) -> list[FileDifference]:
    """The files that differ, by name, at most MAX_FILES and one more. a, b: texts by name, None for what is no text."""
    names = sorted(a.keys() | b.keys())
    return list(islice(_differing(names, a, b), MAX_FILES + 1))


def _differing(
    names: Iterable[str], a: Mapping[str, str | None], b: Mapping[str, str | None]
) -> Iterator[FileDifference]:
    for name in names:
        one, other = a.get(name), b.get(name)
        if name not in a or name not in b:
            yield FileDifference(name, one, other, note="Only in B" if name not in a else "Only in A")
        elif one is None or other is None:
            if one is not other:
                yield FileDifference(name, one, other, note="One of them is no text")
        elif one != other:
            hunks = hunks_of(one.splitlines(), other.splitlines())
            note = "" if hunks else "Differs; too long to be compared line by line"
            yield FileDifference(name, one, other, hunks, note)


def hunks_of(a: Sequence[str], b: Sequence[str]) -> tuple[tuple[Change, ...], ...]:
    """Groups of changes, with a few equal lines around each; none for files that are too long, or differ in their line ends only."""
    if max(len(a), len(b)) > MAX_LINES:
        return ()
    groups = SequenceMatcher(None, a, b).get_grouped_opcodes(CONTEXT)
    return tuple(tuple(_changes(group)) for group in groups)


def _changes(group: Iterable[tuple[str, int, int, int, int]]) -> Iterator[Change]:
    for kind, a_from, a_to, b_from, b_to in group:
        if kind == "equal":
            yield Change("equal", range(a_from, a_to), range(b_from, b_to))
            continue
        if a_from < a_to:
            yield Change("delete", range(a_from, a_to), range(0))
        if b_from < b_to:
            yield Change("insert", range(0), range(b_from, b_to))
