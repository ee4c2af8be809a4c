"""What a task, a run and a condition declare that is not taken as it is meant."""

from __future__ import annotations

from typing import Any

from flyteidl2.core import literals_pb2, security_pb2, tasks_pb2
from flyteidl2.task import run_pb2
from flyteidl2.workflow import run_definition_pb2

from runs.domain.declared import finding
from runs.domain.declared.finding import Declared
from runs.domain.declared.table import Standing
from tests.support import messages

Resources = tasks_pb2.Resources


def task(**fields: Any) -> bytes:
    """A TaskSpec with these fields of its template."""
    spec = messages.task_spec()
    spec.task_template.MergeFrom(tasks_pb2.TaskTemplate(**fields))
    return spec.SerializeToString()


def pod(**settings: Any) -> bytes:
    spec = messages.task_spec()
    spec.task_template.k8s_pod.pod_spec.update(settings)
    return spec.SerializeToString()


def lines(found: tuple[Declared, ...]) -> dict[str, str]:
    return {one.title: one.value for one in found}


def test_a_plain_task_declares_nothing_of_note() -> None:
    assert finding.of_task(messages.task_spec(retries=2).SerializeToString()) == ()
    assert finding.of_run(run_pb2.RunSpec().SerializeToString()) == ()


def test_resources_are_named_with_the_limit_before_the_request() -> None:
    entry = Resources.ResourceEntry
    container = tasks_pb2.Container(
        resources=Resources(
            requests=[
                entry(name=Resources.ResourceName.CPU, value="1"),
                entry(name=Resources.ResourceName.MEMORY, value="1Gi"),
            ],
            limits=[
                entry(name=Resources.ResourceName.MEMORY, value="2Gi"),
                entry(name=Resources.ResourceName.GPU, value="1"),
            ],
        )
    )
    found = finding.of_task(
        task(
            container=container,
            extended_resources=tasks_pb2.ExtendedResources(
                gpu_accelerator=tasks_pb2.GPUAccelerator(device="nvidia-tesla-t4")
            ),
        )
    )

    assert lines(found) == {"CPU": "1", "memory": "2Gi", "GPU": "1", "accelerator": "nvidia-tesla-t4"}
    assert {one.standing for one in found if one.title in {"CPU", "memory"}} == {Standing.DIFFERS}


def test_what_is_declared_as_false_or_empty_is_not_declared() -> None:
    metadata = tasks_pb2.TaskMetadata(interruptible=False)
    spec = run_pb2.RunSpec()
    spec.interruptible.value = False
    spec.labels.SetInParent()
    spec.annotations.SetInParent()

    assert finding.of_task(task(metadata=metadata)) == ()
    assert finding.of_run(spec.SerializeToString()) == ()


def test_a_run_says_what_holds_for_all_of_its_actions() -> None:
    spec = run_pb2.RunSpec(queue="night", notification_rule_name="page-ann")
    spec.interruptible.value = True
    spec.security_context.run_as.k8s_service_account = "bob"
    spec.annotations.values["team"] = "blue"
    spec.envs.values.append(literals_pb2.KeyValuePair(key=finding.DEBUG_VARIABLE, value="1"))

    found = lines(finding.of_run(spec.SerializeToString()))

    assert (found["queue"], found["service account"]) == ("night", "bob")
    assert found["notification rule"] == "page-ann"
    assert found["annotations"] == "team=blue"
    assert {"interruptible", "debug"} <= set(found)


def test_a_pod_is_read_by_kubernetes_names() -> None:
    found = finding.of_task(
        pod(
            containers=[
                {
                    "name": "primary", "args": ["a0"], "image": "x", "workingDir": "/srv",
                    "resources": {"limits": {"smarter-devices/fuse": "1"}},
                    "env": [{"name": "COLOUR", "value": "red"}, {"name": "NODE", "valueFrom": {"fieldRef": {}}}],
                },
                {"name": "proxy"},
            ],
            nodeSelector={"zone": "b"},
            shareProcessNamespace=True,
            terminationGracePeriodSeconds=5,
        )
    )  # fmt: skip

    assert lines(found) == {
        "sidecar containers": "proxy",
        "working folder": "/srv",
        "resource": "smarter-devices/fuse: 1",
        "variable from elsewhere": "NODE",
        "node selector": "zone=b",
        "setting of the pod": "shareProcessNamespace",
    }


def test_a_type_that_is_not_known_runs_as_python_and_says_so() -> None:
    assert lines(finding.of_task(task(type="notebook"))) == {"type of the task": "notebook"}


def test_reusable_environments_differ() -> None:
    policy = tasks_pb2.ReusePolicy(min_replicas=1, max_replicas=3)

    assert lines(finding.of_task(task(type="actor", reuse_policy=policy))) == {"reusable": "3 replicas"}


def test_a_field_that_this_version_does_not_know_is_named() -> None:
    newer = messages.task_spec().SerializeToString() + b"\xfa\x3f\x01x"  # field 1023

    assert lines(finding.of_task(newer)) == {"newer field": "number 1023 of TaskSpec"}


def test_a_condition_and_a_child_say_what_is_theirs() -> None:
    asked = run_definition_pb2.ConditionAction(name="go?")
    asked.webhook.url = "https://example.org/hook"
    child = run_definition_pb2.TaskAction(queue="night")

    assert lines(finding.of_condition(asked.SerializeToString())) == {"webhook": "https://example.org/hook"}
    assert lines(finding.of_child(child.SerializeToString())) == {"queue": "night"}


def test_tasks_with_the_same_declaration_share_a_line_and_the_run_speaks_for_all() -> None:
    (gpu,) = finding.of_child(run_definition_pb2.TaskAction(queue="night").SerializeToString())

    assert [one.tasks for one in finding.merged([("a", gpu), ("b", gpu), ("a", gpu)])] == [("a", "b")]
    assert [one.tasks for one in finding.merged([("a", gpu), ("", gpu)])] == [()]


def test_secrets_are_honoured() -> None:
    context = security_pb2.SecurityContext(secrets=[security_pb2.Secret(key="token")])

    assert finding.of_task(task(security_context=context)) == ()
