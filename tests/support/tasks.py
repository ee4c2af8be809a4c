"""Tasks that were deployed, and actions of tasks, straight through the models; only tests may do so."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from django.utils import timezone
from flyteidl2.core import types_pb2
from flyteidl2.task import task_definition_pb2

from runs.domain.conditions import Value, literal
from runs.domain.phases import TERMINAL, Phase
from runs.models import Action, DeployedTask, Run, TaskSpec
from tests.support import factories
from tests.support.scene import task_spec

TYPES = {"int": types_pb2.INTEGER, "str": types_pb2.STRING, "float": types_pb2.FLOAT}


def make_spec(
    name: str = "env.train", version: str = "v1", *, defaults: dict[str, Value] | None = None, **more: Any
) -> TaskSpec:
    """A task with the input `steps`, which must be given, and inputs of these defaults. more: as of task_spec."""
    message = task_definition_pb2.TaskSpec.FromString(task_spec(name, **({"bundle": ""} | more)))
    message.task_template.id.version, message.environment.name = version, name.rpartition(".")[0]
    message.documentation.short_description = "Trains <b>one</b> model."
    message.documentation.source_code.link = "https://example.com/train.py"
    inputs = message.task_template.interface.inputs
    inputs.variables.add(key="steps").value.type.simple = types_pb2.INTEGER
    for key, value in (defaults or {}).items():
        inputs.variables.add(key=key).value.type.simple = TYPES[type(value).__name__]
        message.default_inputs.add(name=key).parameter.default.CopyFrom(literal(value))
    message.task_template.interface.outputs.variables.add(key="o0").value.type.simple = types_pb2.FLOAT
    spec = message.SerializeToString(deterministic=True)
    made, _ = TaskSpec.objects.get_or_create(
        digest=hashlib.sha256(spec).hexdigest(),
        defaults={
            "spec": spec, "name": name, "version": version, "short_name": message.short_name,
            "environment": message.environment.name,
        },
    )  # fmt: skip
    return made


def deploy(
    name: str = "env.train", version: str = "v1", *, domain: str = "development", **more: Any
) -> DeployedTask:
    spec = make_spec(name, version, **more)
    return DeployedTask.objects.create(
        project=factories.make_project(),
        domain=domain,
        name=name,
        version=version,
        spec=spec,
        deployed_by="ann",
    )


def ran(
    run: Run, name: str, spec: TaskSpec, *, seconds: float = 1.0, phase: Phase = Phase.SUCCEEDED, **more: Any
) -> Action:
    """An action of this spec below the root of a run, that began `seconds` ago."""
    began = timezone.now() - timedelta(seconds=seconds)
    if phase in TERMINAL:
        more["ended_at"] = began + timedelta(seconds=seconds)
    return factories.make_action(
        run, name, parent=run.actions.get(name="a0"), phase=phase, spec=spec, task_name=spec.name,
        short_name=spec.short_name, created_at=began, started_at=began, **more,
    )  # fmt: skip
