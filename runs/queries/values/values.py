"""The values of one action, with the types of its task's interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flyteidl2.core import literals_pb2, types_pb2
from flyteidl2.workflow import run_definition_pb2
from google.protobuf.message import DecodeError

from runs.domain.errors import Invalid, NotFound
from runs.domain.phases import Kind
from runs.domain.texts import format_bytes
from runs.domain.values.parts import Part, of_literal
from runs.domain.values.trees import INPUTS, OUTPUTS, read_parts, types_of
from runs.models import Action
from runs.store import storage

MAX_BYTES = 32_000_000  # of all inputs, or all outputs, of an action
ANSWER = "o0"  # what the SDK calls the only output of a task
SIDES = (INPUTS, OUTPUTS)


@dataclass(frozen=True, slots=True)
class Values:
    """parts: the values by name, None where there is no file of them. problem: why they cannot be shown, "" else."""

    side: str
    parts: Mapping[str, Part] | None
    problem: str = ""


def read_values(run_id: int, name: str, side: str) -> Values:
    """One statement. Raises NotFound for what the run does not have."""
    action = _action(run_id, name)
    if side == OUTPUTS and action.value:
        return Values(side, {ANSWER: _answer(action)})
    uri = values_uri(action.kind, action.input_uri, action.output_uri, side)
    content, problem = read_file(uri)
    parts = None if content is None else read_parts(content, side, _types(action, side))
    return Values(side, parts, problem)


def get_part(run_id: int, name: str, side: str, value: str) -> Part:
    """One value. One statement. Raises NotFound, or Invalid for what cannot be read."""
    if side not in SIDES:
        raise NotFound(f"an action has inputs and outputs, and no {side[:80]!r}")
    values = read_values(run_id, name, side)
    if values.problem:
        raise Invalid(values.problem)
    if value not in (values.parts or {}):
        raise NotFound(f"action {name!r} has no {side.removesuffix('s')} {value[:80]!r}, or not yet")
    return (values.parts or {})[value]


def _action(run_id: int, name: str) -> Action:
    columns = ("kind", "input_uri", "output_uri", "detail", "value", "spec__spec")
    found = Action.objects.filter(run_id=run_id, name=name).select_related("spec").only(*columns).first()
    if found is None:
        raise NotFound(f"action {name[:80]!r} does not exist in this run")
    return found


def values_uri(kind: int, input_uri: str, output_uri: str, side: str) -> str:
    """The address of the file of an action's inputs or outputs; "" when it has none. A task's output_uri is a folder, a trace's the file."""
    if side == INPUTS:
        return input_uri
    is_file = kind == Kind.TRACE or not output_uri
    return output_uri if is_file else storage.join(output_uri, "outputs.pb")


def read_file(uri: str) -> tuple[bytes | None, str]:
    """The content of such a file and why there is none, where that is not just that it is not there. No statement."""
    try:
        size = storage.find_size(uri) if uri else None
        if size is not None and size > MAX_BYTES:
            shown = f"{format_bytes(size)} of values are too much to be shown here; up to {format_bytes(MAX_BYTES)} are."
            return None, shown
        return (storage.read_bytes(uri) if uri else None), ""
    except Invalid:  # written when the storage was elsewhere
        return None, ""


def _types(action: Action, side: str) -> Mapping[str, types_pb2.LiteralType]:
    if action.kind == Kind.TRACE:
        return _types_of_trace(bytes(action.detail), side)
    return types_of(bytes(action.spec.spec), side) if action.spec else {}


def _types_of_trace(detail: bytes, side: str) -> Mapping[str, types_pb2.LiteralType]:
    try:
        interface = run_definition_pb2.TraceAction.FromString(detail).spec.interface
    except DecodeError:
        return {}
    variables = interface.inputs.variables if side == INPUTS else interface.outputs.variables
    return {entry.key: entry.value.type for entry in variables}


def _answer(action: Action) -> Part:
    """What a condition was answered with."""
    return of_literal(literals_pb2.Literal.FromString(bytes(action.value)))
