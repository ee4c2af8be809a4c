"""What a task runs in, as the panel says it."""

from __future__ import annotations

import pytest
from flyteidl2.core import tasks_pb2
from flyteidl2.task import task_definition_pb2

from runs.domain.tasks.details import MASKED, MAX_VALUE, Resource, Variable, read_details
from tests.support.scene import task_spec

Name = tasks_pb2.Resources.ResourceName


@pytest.fixture
def message() -> task_definition_pb2.TaskSpec:
    return task_definition_pb2.TaskSpec.FromString(task_spec(bundle="s3://bucket/code/one.tgz"))


def test_the_variables_of_the_run_come_over_those_of_the_task(message: task_definition_pb2.TaskSpec):
    for key, value in {"MODE": "slow", "SIZE": "x" * 1000, "_F_PATH": "."}.items():
        message.task_template.container.env.add(key=key, value=value)

    found = read_details(message.SerializeToString(), {"MODE": "fast", "_F_E": "1"})

    assert found.variables == (Variable("MODE", "fast", "run"), Variable("SIZE", "x" * MAX_VALUE, "task"))
    assert found.bundle == "one.tgz"


@pytest.mark.parametrize(
    "name", ["API_KEY", "db_password", "HF_TOKEN", "AWS_SECRET_ACCESS", "SENTRY_DSN", "Authorization"]
)
def test_a_value_whose_name_is_that_of_a_secret_is_masked(message: task_definition_pb2.TaskSpec, name: str):
    (found,) = read_details(message.SerializeToString(), {name: "value"}).variables

    assert (found.value, found.is_masked) == (MASKED, True)


def test_a_secret_is_named_with_where_it_is_and_its_variable_is_in_no_list(
    message: task_definition_pb2.TaskSpec,
):
    message.task_template.container.env.add(key="MINE", value="no")
    for key, variable in {"one": "MINE", "two": ""}.items():
        message.task_template.security_context.secrets.add(key=key, env_var=variable)

    found = read_details(message.SerializeToString(), {})

    assert (found.secrets, found.variables) == ((("one", "MINE"), ("two", "TWO")), ())


def test_resources_are_a_number_or_from_one_to_another(message: task_definition_pb2.TaskSpec):
    resources = message.task_template.container.resources
    resources.requests.add(name=Name.Value("CPU"), value="1")
    resources.limits.add(name=Name.Value("CPU"), value="2")
    resources.requests.add(name=Name.Value("MEMORY"), value="1Gi")
    resources.limits.add(name=Name.Value("EPHEMERAL_STORAGE"), value="9Gi")

    found = read_details(message.SerializeToString(), {}).resources

    assert found == (
        Resource("cpu", "1", "2"),
        Resource("memory", "1Gi", ""),
        Resource("ephemeral storage", "", "9Gi"),
    )
    assert [one.text for one in found] == ["1 to 2", "1Gi", "up to 9Gi"]
