"""A run of a task with inputs of its own, to be run again: recorded, with its files, and run by nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flyteidl2.core import literals_pb2, types_pb2
from flyteidl2.task import common_pb2, run_pb2, task_definition_pb2

from runs.domain.conditions import Value, literal
from runs.domain.names import ActionRef
from runs.domain.specs import read_task_message
from runs.engine.creation import create_run
from runs.store import storage
from tests.support.scene import new_run, task_spec

INPUTS: dict[str, Value] = {"name": "first", "lr": 0.5, "steps": 3}  # in the order of the function
TYPES = {"lr": types_pb2.FLOAT, "name": types_pb2.STRING, "steps": types_pb2.INTEGER}


def inputs(**values: Value) -> common_pb2.Inputs:
    named = [common_pb2.NamedLiteral(name=name, value=literal(value)) for name, value in values.items()]
    return common_pb2.Inputs(
        literals=named, context=[literals_pb2.KeyValuePair(key="from", value="somewhere")]
    )


def make_source(**fields: Any) -> ActionRef:
    spec = task_definition_pb2.TaskSpec.FromString(task_spec(bundle=""))
    for name in sorted(INPUTS):  # as the client does
        variable = spec.task_template.interface.inputs.variables.add(key=name)
        variable.value.type.simple = TYPES[name]
    run_spec = run_pb2.RunSpec(
        labels=run_pb2.Labels(values={"team": "a"}), run_base_dir="file:///base", max_action_concurrency=7
    )
    for key, value in {"MODE": "slow", "_F_SYS_PATH": "."}.items():
        run_spec.envs.values.add(key=key, value=value)
    uri = storage.join(storage.inputs_uri("flytesnacks", "development", "one"), "inputs.pb")
    storage.write_bytes(uri, inputs(**INPUTS).SerializeToString())
    made: dict[str, Any] = {"spec": run_spec.SerializeToString(), "input_uri": uri}
    envs = {pair.key: pair.value for pair in run_spec.envs.values}
    new = replace(new_run(read_task_message(spec), "source"), envs=envs, labels={"team": "a"})
    return ActionRef(create_run(replace(new, **(made | fields))))
