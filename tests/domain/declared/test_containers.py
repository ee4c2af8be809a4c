"""The container in which a task's code runs, and the tasks that no executor can run."""

from __future__ import annotations

from typing import Any

import pytest
from flyteidl2.core import tasks_pb2

from runs.domain import specs
from runs.domain.declared.containers import container_of
from runs.domain.declared.plugins import PLUGINS
from runs.domain.errors import Invalid
from runs.domain.variables.grace import VARIABLE
from tests.support import messages

ARGS = ["a0", "--tgz", messages.BUNDLE]


def pod_task(*containers: Any, config: str = "", name: str = "", **pod: Any) -> tasks_pb2.TaskTemplate:
    template = messages.task_spec().task_template
    template.k8s_pod.pod_spec.update({"containers": list(containers), **pod})
    template.k8s_pod.primary_container_name = name
    if config:
        template.config["primary_container_name"] = config
    return template


@pytest.mark.parametrize(
    ("config", "name", "image"), [("main", "", "second"), ("", "main", "second"), ("", "", "first")]
)
def test_the_primary_container_is_the_one_that_is_named_or_the_first(
    config: str, name: str, image: str
) -> None:
    template = pod_task(
        {"name": "proxy", "image": "first"}, {"name": "main", "image": "second"}, config=config, name=name
    )

    assert container_of(template).image == image


def test_a_pod_without_the_container_that_it_names_is_refused() -> None:
    with pytest.raises(
        Invalid, match=r"names 'main' as the primary container of its pod, which has only 'proxy'"
    ):
        container_of(pod_task({"name": "proxy"}, config="main"))
    with pytest.raises(Invalid, match="a pod without containers"):
        container_of(pod_task(config="main"))


def test_a_pod_task_is_read_as_any_other() -> None:
    spec = messages.task_spec()
    spec.task_template.CopyFrom(
        pod_task(
            {
                "name": "main", "image": "python:3", "args": ARGS, "env": [{"name": "COLOUR", "value": "red"}],
                "resources": {"requests": {"cpu": "2"}},
            },
            terminationGracePeriodSeconds=600,
        )
    )  # fmt: skip

    facts = specs.read_task_message(spec)

    assert (facts.args, facts.image, facts.bundle_uri) == (tuple(ARGS), "python:3", messages.BUNDLE)
    assert facts.env == {VARIABLE: "600", "COLOUR": "red"}
    assert container_of(spec.task_template).resources["requests"] == {"cpu": "2"}
    assert facts.refusal == ""


def test_what_a_task_sets_itself_is_before_the_grace_period_of_its_pod() -> None:
    template = pod_task(
        {"name": "main", "env": [{"name": VARIABLE, "value": "3"}]}, terminationGracePeriodSeconds=600
    )

    assert container_of(template).env[VARIABLE] == "3"


@pytest.mark.parametrize("kind", PLUGINS)
def test_a_task_that_needs_more_than_a_process_is_refused_with_what_to_do(kind: str) -> None:
    spec = messages.task_spec()
    spec.task_template.type = kind

    refusal = specs.read_task_message(spec).refusal

    assert refusal.startswith(f"task 'env.main' is a {PLUGINS[kind].name} task (type {kind!r}): it needs ")
    assert PLUGINS[kind].instead in refusal


@pytest.mark.parametrize("kind", ["python", "actor", "python-task", "notebook"])
def test_what_a_process_can_run_is_not_refused(kind: str) -> None:
    spec = messages.task_spec()
    spec.task_template.type = kind

    assert specs.read_task_message(spec).refusal == ""


def test_a_container_with_a_command_of_its_own_and_a_query_are_refused() -> None:
    other = messages.task_spec(args=("echo", "hello"))
    own = messages.task_spec()
    own.task_template.container.command.append("python")
    query = messages.task_spec()
    query.task_template.sql.statement, query.task_template.type = "SELECT 1", "athena"

    assert "needs a container engine" in specs.read_task_message(other).refusal
    assert "needs a container engine" in specs.read_task_message(own).refusal
    assert "of type 'athena': it needs a backend of its own" in specs.read_task_message(query).refusal
