"""Inputs as `name=value` on a command line, where nothing but the text says which variant of a union is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flyteidl2.core import interface_pb2, literals_pb2, types_pb2

from runs.domain.errors import Invalid
from runs.domain.forms.literals import Chosen, literal_of
from runs.domain.forms.plain import read
from runs.domain.forms.shapes import Kind, Shape, shape_of

NOTHING = frozenset({"None", "null", ""})


def split_options(given: Iterable[str], what: str) -> dict[str, str]:
    """`name=value` by name. what: the option, for the error. Raises Invalid."""
    pairs: dict[str, str] = {}
    for one in given:
        name, is_pair, value = one.partition("=")
        if not is_pair or not name:
            raise Invalid(f"{what} {one!r} must be NAME=VALUE")
        pairs[name] = value
    return pairs


def read_options(
    given: Iterable[str],
    variables: Sequence[interface_pb2.VariableEntry],
    before: Mapping[str, literals_pb2.Literal],
) -> dict[str, literals_pb2.Literal]:
    """The literals that `name=value` stand for. before: those in whose places they come. Raises Invalid."""
    types = {variable.key: variable.value.type for variable in variables}
    found: dict[str, literals_pb2.Literal] = {}
    for name, text in split_options(given, "--input").items():
        if name not in types:
            raise Invalid(f"there is no input {name!r}, only {', '.join(types) or 'none'}")
        try:
            found[name] = _literal(text, types[name], before.get(name))
        except Invalid as error:
            raise Invalid(f"input {name!r} ({shape_of(types[name]).title}): {error.message}") from error
    return found


def _literal(
    text: str, of_type: types_pb2.LiteralType, before: literals_pb2.Literal | None
) -> literals_pb2.Literal:
    shape = shape_of(of_type)
    value: Any = _choose(text, shape) if shape.kind is Kind.UNION else read(text, shape)
    return literal_of(value, of_type, before)


def _choose(text: str, shape: Shape) -> Chosen:
    """The first variant that can be read from the text: None if it says so, text last, because anything is a text."""
    order = sorted(range(len(shape.variants)), key=lambda at: _rank(text, shape.variants[at]))
    for at in order:
        try:
            if shape.variants[at].kind is not Kind.NONE or text in NOTHING:
                return Chosen(at, read(text, shape.variants[at]))
        except Invalid:
            continue
    raise Invalid(f"{text[:80]!r} is none of {shape.title}")


def _rank(text: str, variant: Shape) -> int:
    if variant.kind is Kind.NONE and text in NOTHING:
        return 0
    return 2 if variant.kind is Kind.TEXT else 1
