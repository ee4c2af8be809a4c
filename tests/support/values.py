"""Actions with inputs and outputs in the storage, as the SDK writes them."""

from __future__ import annotations

from typing import Any

import msgspec
from django.conf import settings
from flyteidl2.core import interface_pb2, literals_pb2, types_pb2
from flyteidl2.task import common_pb2, task_definition_pb2

from runs.domain.conditions import literal
from runs.domain.phases import Phase
from runs.models import Action, Run, TaskSpec
from runs.store import storage
from tests.support import factories

Literal = literals_pb2.Literal
Scalar = literals_pb2.Scalar
LiteralType = types_pb2.LiteralType


def of(value: Any) -> Literal:
    """A simple value, or, of a list or dict, what the SDK makes of an untyped one; a literal as it is."""
    if isinstance(value, Literal):
        return value
    if isinstance(value, list | dict):
        return Literal(
            scalar=Scalar(binary=literals_pb2.Binary(value=msgspec.msgpack.encode(value), tag="msgpack"))
        )
    return literal(value)


def blob(uri: str, *, is_folder: bool = False) -> Literal:
    kind = types_pb2.BlobType.MULTIPART if is_folder else types_pb2.BlobType.SINGLE
    metadata = literals_pb2.BlobMetadata(type=types_pb2.BlobType(dimensionality=kind))
    return Literal(scalar=Scalar(blob=literals_pb2.Blob(uri=uri, metadata=metadata)))


def frame(uri: str, form: str = "parquet") -> Literal:
    kind = types_pb2.StructuredDatasetType(format=form)
    metadata = literals_pb2.StructuredDatasetMetadata(structured_dataset_type=kind)
    return Literal(
        scalar=Scalar(structured_dataset=literals_pb2.StructuredDataset(uri=uri, metadata=metadata))
    )


def store(path: str, content: bytes, *, project: str = "flytesnacks") -> str:
    """A file of a run, as a task offloads it; returns its address."""
    uri = storage.join(settings.STORAGE_URL, "_raw", project, "development", "run1", path)
    storage.write_bytes(uri, content)
    return uri


def named(values: dict[str, Any]) -> list[common_pb2.NamedLiteral]:
    return [common_pb2.NamedLiteral(name=name, value=of(value)) for name, value in values.items()]


def give(
    action: Action, inputs: dict[str, Any] | None = None, outputs: dict[str, Any] | None = None
) -> Action:
    """Write its files."""
    folder = storage.join(settings.STORAGE_URL, "flytesnacks", "development", action.run.name, action.name)
    input_uri, output_uri = storage.join(folder, "inputs.pb"), storage.join(folder, "1")
    if inputs is not None:
        storage.write_bytes(input_uri, common_pb2.Inputs(literals=named(inputs)).SerializeToString())
        factories.change(action, input_uri=input_uri)
    if outputs is not None:
        content = common_pb2.Outputs(literals=named(outputs)).SerializeToString()
        storage.write_bytes(storage.join(output_uri, "outputs.pb"), content)
        factories.change(action, output_uri=output_uri)
    return action


def spec_of(name: str, inputs: dict[str, LiteralType], outputs: dict[str, LiteralType]) -> TaskSpec:
    """A task with this interface."""
    spec = task_definition_pb2.TaskSpec(short_name=name)
    spec.task_template.id.name = f"env.{name}"
    for variables, types in (
        (spec.task_template.interface.inputs, inputs),
        (spec.task_template.interface.outputs, outputs),
    ):
        for key, kind in types.items():
            entry = interface_pb2.VariableEntry(key=key, value=interface_pb2.Variable(type=kind))
            variables.variables.append(entry)
    data = spec.SerializeToString(deterministic=True)
    return TaskSpec.objects.create(digest=name, spec=data, name=f"env.{name}")


def make_with_values(run: Run, name: str = "x", **sides: dict[str, Any]) -> Action:
    """A child of the root that has succeeded, with these inputs and outputs."""
    action = factories.make_action(run, name, parent=run.actions.get(name="a0"), phase=Phase.SUCCEEDED)
    return give(action, sides.get("inputs"), sides.get("outputs"))
