"""Values as trees of a bounded size, for pages; and what is at one place of a value, whole."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from flyteidl2.core import types_pb2
from flyteidl2.task import common_pb2, task_definition_pb2
from google.protobuf.message import DecodeError

from runs.domain.errors import NotFound
from runs.domain.texts import clean
from runs.domain.values.parts import Kind, Part, of_literal

MAX_KEY = 120  # characters
MAX_DEPTH = 60
INPUTS, OUTPUTS = "inputs", "outputs"
Types = Mapping[str, types_pb2.LiteralType]


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one value on one page. characters: of each text; nodes: of all parts together."""

    nodes: int
    characters: int
    depth: int = 20


PANEL = Limits(nodes=200, characters=4_000)
PAGE = Limits(nodes=5_000, characters=400_000)


@dataclass(frozen=True, slots=True)
class Node:
    """A part as a page shows it. name: its key; at: its place in the value, as `place` reads it; left_out: how many of its items
    are not among its children; length: of a text that is cut, its characters, else 0.
    """

    kind: Kind
    type: str
    name: str = ""
    at: str = ""
    text: str = ""
    length: int = 0
    children: tuple[Node, ...] = ()
    count: int = 0
    left_out: int = 0
    uri: str = ""
    format: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    size: int = 0

    @property
    def is_stored(self) -> bool:
        """Whether what it stands for is in the storage."""
        return self.kind in {Kind.FILE, Kind.DIR, Kind.TABLE} or bool(self.kind is Kind.PICKLE and self.uri)

    @property
    def has_files(self) -> bool:
        return self.is_stored or any(child.has_files for child in self.children)

    @property
    def is_whole(self) -> bool:
        return not (self.length or self.left_out) and all(child.is_whole for child in self.children)


@dataclass(slots=True)
class _Budget:
    nodes: int


def make_node(part: Part, limits: Limits, *, name: str = "") -> Node:
    """What fits of a value."""
    return _node(part, limits, _Budget(limits.nodes), (name, ""), 0)


def _node(part: Part, limits: Limits, budget: _Budget, place: tuple[str, str], depth: int) -> Node:
    name, at = place
    budget.nodes -= 1
    children: list[Node] = []
    if part.count and depth < limits.depth:
        for key, one in islice(part.items(), part.count):
            if budget.nodes <= 0:
                break
            children.append(_node(one, limits, budget, (key, step(at, key)), depth + 1))
    text = clean(part.text[: limits.characters])
    return Node(
        kind=part.kind, type=part.type, name=clean(name[:MAX_KEY]), at=at, text=text,
        length=len(part.text) if len(part.text) > limits.characters else 0,
        children=tuple(children), count=part.count, left_out=part.count - len(children),
        uri=part.uri, format=part.format, columns=part.columns, size=part.size,
    )  # fmt: skip


def step(at: str, key: str) -> str:
    """The place one step further, as a JSON pointer has it."""
    return f"{at}/{key.replace('~', '~0').replace('/', '~1')}"


def find_part(part: Part, at: str) -> Part:
    """The part at a place. Raises NotFound."""
    for token in at.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        found = next((one for name, one in part.items() if name == key), None)
        if found is None:
            raise NotFound(f"there is nothing at {at[:200]!r} in this value")
        part = found
    return part


# --- the files of an action -------------------------------------------------------------------------------------


def read_parts(data: bytes, side: str, of_types: Types) -> dict[str, Part]:
    """The values of a flyteidl2.task.Inputs or Outputs message, by name; none if it is no such message."""
    message: common_pb2.Inputs | common_pb2.Outputs = (
        common_pb2.Inputs() if side == INPUTS else common_pb2.Outputs()
    )
    try:
        message.ParseFromString(data)
    except DecodeError:
        return {}
    return {one.name: of_literal(one.value, of_types.get(one.name)) for one in message.literals}


def types_of(spec: bytes, side: str) -> dict[str, types_pb2.LiteralType]:
    """The types that the interface of a TaskSpec names; none without one."""
    try:
        interface = task_definition_pb2.TaskSpec.FromString(spec).task_template.interface
    except DecodeError:
        return {}
    variables = interface.inputs.variables if side == INPUTS else interface.outputs.variables
    return {entry.key: entry.value.type for entry in variables}


def plain_of(part: Part, depth: int = 0) -> Any:
    """The value as what json.dumps takes: of a file its address, of a pickle how large it is."""
    plain: Any = part.uri or f"{part.type}, {part.size:,} bytes"
    match part.kind:
        case Kind.LIST | Kind.DICT if depth > MAX_DEPTH:
            plain = "…"
        case Kind.LIST:
            plain = [plain_of(one, depth + 1) for _, one in part.items()]
        case Kind.DICT:
            plain = {key: plain_of(one, depth + 1) for key, one in part.items()}
        case Kind.NUMBER:
            plain = _number(part.text)
        case Kind.WORD:
            plain = {"True": True, "False": False}.get(part.text)
        case Kind.TEXT:
            plain = part.text
    return plain


def _number(text: str) -> int | float | str:
    """What JSON has a number for; times, infinities and very long numbers are texts."""
    try:
        value = float(text)
        return text if not math.isfinite(value) else int(text) if text.lstrip("-").isdigit() else value
    except (ValueError, OverflowError):
        return text


def text_of(part: Part) -> str:
    """The whole value, to copy and to download: a text as it is, else JSON."""
    if part.kind is Kind.TEXT:
        return part.text
    return json.dumps(plain_of(part), indent=2, ensure_ascii=False)
