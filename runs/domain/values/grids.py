"""Siblings as a table: one line for each, inputs and outputs as columns, in the order of any of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from runs.domain.inputs.conditions import InputSearch
from runs.domain.inputs.digests import MAX_CHARACTERS, Simple, show
from runs.domain.phases import Phase
from runs.domain.texts import clean
from runs.domain.values.parts import Kind, Part
from runs.domain.values.trees import plain_of

MAX_COLUMNS = 12  # of inputs, and of outputs
INPUT, OUTPUT = "in.", "out."
PHASE, DURATION, STARTED = "phase", "duration", "started"
_SIMPLE = frozenset({Kind.NUMBER, Kind.TEXT, Kind.WORD})


@dataclass(frozen=True, slots=True)
class Line:
    """One of the siblings. order: of its phase; duration, started: milliseconds, None where it has none."""

    id: int
    name: str
    inputs: Mapping[str, Simple] = field(default_factory=dict)
    outputs: Mapping[str, Simple] = field(default_factory=dict)
    order: int = 0
    duration: int | None = None
    started: int | None = None

    def value(self, key: str) -> Simple:
        """What stands in a column; None where nothing does."""
        if key.startswith(INPUT):
            return self.inputs.get(key[len(INPUT) :])
        if key.startswith(OUTPUT):
            return self.outputs.get(key[len(OUTPUT) :])
        return {PHASE: self.order, DURATION: self.duration, STARTED: self.started}.get(key)


@dataclass(frozen=True, slots=True)
class Order:
    """By which column, and which end first. key: "" is the order in which they were asked for."""

    key: str = ""
    descends: bool = False

    def of(self, key: str) -> str:
        """The order that a click on a column asks for, as an address has it: the other way round when it is this one."""
        return f"-{key}" if key == self.key and not self.descends else key

    @property
    def text(self) -> str:
        return f"-{self.key}" if self.descends else self.key


def read_order(text: str) -> Order:
    """`in.lr`, `-out.o0`, `duration`. An order by what is not there is that of the calls."""
    return Order(text.removeprefix("-"), descends=text.startswith("-"))


def simple_outputs(parts: Mapping[str, Part]) -> dict[str, Simple]:
    """Values that fit into a cell, those of structures one step down: `o0`, `o0.loss`."""
    found: dict[str, Simple] = {}
    for name, value in _flat(parts):
        if len(found) == MAX_COLUMNS:
            break
        found[clean(name)] = value
    return found


def _flat(parts: Mapping[str, Part]) -> Iterator[tuple[str, Simple]]:
    for name, part in parts.items():
        if part.kind is Kind.DICT:
            inner = ((f"{name}.{key}", one) for key, one in part.items())
            yield from ((key, _simple(one)) for key, one in inner if one.kind in _SIMPLE)
        elif part.kind in _SIMPLE:
            yield name, _simple(part)


def _simple(part: Part) -> Simple:
    value: Simple = plain_of(part)
    if isinstance(value, str) and len(value) > MAX_CHARACTERS:
        return f"{value[: MAX_CHARACTERS - 1]}…"
    return value


def matches(line: Line, search: InputSearch) -> bool:
    """Whether a filter means it: comparisons of inputs, outputs and the phase; words in its name or in what it was given."""
    outputs = {name.rpartition(".")[2]: value for name, value in line.outputs.items()}
    said = " ".join([line.name, *(f"{name}={show(value)}" for name, value in line.inputs.items())]).casefold()
    has_words = all(word in said for word in search.words.casefold().split())
    return has_words and search.matches(
        outputs | dict(line.outputs) | dict(line.inputs), {"phase": Phase(line.order).slug}
    )


def compares_outputs(search: InputSearch, lines: Iterable[Line]) -> bool:
    """Whether a filter compares what is no input of any of the lines."""
    names = {condition.name for condition in search.conditions} - {"phase"}
    return bool(names and names.difference(*(line.inputs for line in lines)))


def columns_of(lines: Iterable[Line], prefix: str) -> list[str]:
    """The keys of the inputs, or outputs, that any of the lines has, in the order in which they come up."""
    found: dict[str, None] = {}
    for line in lines:
        found |= dict.fromkeys(line.inputs if prefix == INPUT else line.outputs)
    return [f"{prefix}{name}" for name in list(found)[:MAX_COLUMNS]]


def constant(lines: Sequence[Line], key: str) -> bool:
    """Whether all lines have the same there."""
    first = lines[0].value(key)
    return all(type(one := line.value(key)) is type(first) and one == first for line in lines)


def sort_lines(lines: Sequence[Line], order: Order) -> list[Line]:
    """In this order; what has no such value comes last, whichever end is first. Equal ones stay as they were."""
    if not order.key:
        return list(lines)
    having = [line for line in lines if line.value(order.key) is not None]
    rest = [line for line in lines if line.value(order.key) is None]
    are_numbers = all(_number(line.value(order.key)) is not None for line in having)

    def key(line: Line) -> Any:
        value = line.value(order.key)
        return _number(value) if are_numbers else str(value).casefold()

    return [*sorted(having, key=key, reverse=order.descends), *rest]


def _number(value: Simple) -> float | None:
    """Also of a duration, which is a text such as `90s`."""
    if isinstance(value, bool | int | float):
        return float(value)
    try:
        number = float((value or "").removesuffix("s"))
    except ValueError:
        return None
    return None if math.isnan(number) else number


def text_of(value: Simple, *, is_known: bool = True) -> str:
    """As a cell shows it."""
    return show(value) if is_known else ""


def with_outputs(line: Line, outputs: Mapping[str, Simple]) -> Line:
    return replace(line, outputs=outputs)
