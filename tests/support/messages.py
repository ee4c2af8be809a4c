"""Messages as the real client sends them, for tests."""

from __future__ import annotations

from django.conf import settings
from flyteidl2.actions import actions_service_pb2
from flyteidl2.common import identifier_pb2, phase_pb2
from flyteidl2.core import identifier_pb2 as core_identifier_pb2
from flyteidl2.core import interface_pb2, literals_pb2, tasks_pb2, types_pb2
from flyteidl2.task import common_pb2, environment_pb2, task_definition_pb2
from flyteidl2.workflow import run_definition_pb2, run_service_pb2

BUNDLE = "file:///bundles/fast1.tar.gz"  # outside of the storage of every test


def run_id(
    name: str = "run1", *, project: str = "flytesnacks", domain: str = "development"
) -> identifier_pb2.RunIdentifier:
    return identifier_pb2.RunIdentifier(org="acme", project=project, domain=domain, name=name)


def action_id(name: str = "a0", run: str = "run1") -> identifier_pb2.ActionIdentifier:
    return identifier_pb2.ActionIdentifier(run=run_id(run), name=name)


def project_id(name: str = "flytesnacks") -> identifier_pb2.ProjectIdentifier:
    return identifier_pb2.ProjectIdentifier(organization="acme", name=name, domain="development")


def integer(value: int) -> literals_pb2.Literal:
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(integer=value)))


def inputs(**values: int) -> common_pb2.Inputs:
    named = [common_pb2.NamedLiteral(name=name, value=integer(value)) for name, value in values.items()]
    return common_pb2.Inputs(literals=named)


def task_spec(
    name: str = "env.main",
    *,
    retries: int = 0,
    version: str = "v1",
    args: tuple[str, ...] = ("a0",),
) -> task_definition_pb2.TaskSpec:
    """A task with an input `n` that is needed and one, `m`, that has the default 7."""
    number = interface_pb2.Variable(type=types_pb2.LiteralType(simple=types_pb2.INTEGER))
    variables = interface_pb2.VariableMap(
        variables=[interface_pb2.VariableEntry(key=key, value=number) for key in ("n", "m")]
    )
    return task_definition_pb2.TaskSpec(
        short_name="main",
        environment=environment_pb2.Environment(name="env"),
        task_template=tasks_pb2.TaskTemplate(
            id=core_identifier_pb2.Identifier(name=name, version=version),
            type="python",
            metadata=tasks_pb2.TaskMetadata(retries=literals_pb2.RetryStrategy(retries=retries)),
            interface=interface_pb2.TypedInterface(inputs=variables),
            container=tasks_pb2.Container(
                image="python:3", args=args, env=[literals_pb2.KeyValuePair(key="COLOUR", value="red")]
            ),
        ),
        default_inputs=[
            common_pb2.NamedParameter(
                name="m", parameter=interface_pb2.Parameter(var=number, default=integer(7))
            )
        ],
    )


def create_run(name: str | None = "run1", **fields: object) -> run_service_pb2.CreateRunRequest:
    message = run_service_pb2.CreateRunRequest(task_spec=task_spec(), inputs=inputs(n=1))
    if name is None:
        message.project_id.CopyFrom(project_id())
    else:
        message.run_id.CopyFrom(run_id(name))
    message.run_spec.labels.values["team"] = "a__b"
    message.run_spec.envs.values.append(literals_pb2.KeyValuePair(key="LOG_LEVEL", value="20"))
    message.MergeFrom(run_service_pb2.CreateRunRequest(**fields))  # type: ignore[arg-type]
    return message


def child(name: str = "c1", *, parent: str = "a0", run: str = "run1") -> actions_service_pb2.Action:
    return actions_service_pb2.Action(
        action_id=action_id(name, run),
        parent_action_name=parent,
        input_uri=f"{settings.STORAGE_URL}/inputs/{name}/inputs.pb",
        group="some",
        task=run_definition_pb2.TaskAction(spec=task_spec("env.child")),
    )


def trace(name: str = "t1", *, phase: int = phase_pb2.ACTION_PHASE_SUCCEEDED) -> actions_service_pb2.Action:
    told = run_definition_pb2.TraceAction(name="look_up", phase=phase)  # type: ignore[arg-type]
    told.start_time.FromSeconds(1_700_000_000)
    told.end_time.FromSeconds(1_700_000_002)
    told.outputs.output_uri = f"{settings.STORAGE_URL}/x/outputs.pb"
    return actions_service_pb2.Action(action_id=action_id(name), parent_action_name="a0", trace=told)


def condition(name: str = "q1", simple: int = types_pb2.BOOLEAN) -> actions_service_pb2.Action:
    asked = run_definition_pb2.ConditionAction(name="go?", type=types_pb2.LiteralType(simple=simple))  # type: ignore[arg-type]
    return actions_service_pb2.Action(action_id=action_id(name), parent_action_name="a0", condition=asked)
