"""Reading messages."""

from __future__ import annotations

import pytest
from flyteidl2.core import execution_pb2, literals_pb2, tasks_pb2
from flyteidl2.task import run_pb2
from google.protobuf.json_format import ParseDict

from runs.domain import specs
from runs.domain.errors import Invalid
from runs.domain.phases import Kind, Phase
from tests.support import messages


def test_a_task_spec_tells_what_is_needed_to_run_it() -> None:
    facts = specs.read_task_message(messages.task_spec(retries=2, args=("a0", "--tgz", messages.BUNDLE)))

    assert (facts.name, facts.version, facts.short_name, facts.environment) == (
        "env.main",
        "v1",
        "main",
        "env",
    )
    assert (facts.bundle_uri, facts.is_pickled, facts.image) == (messages.BUNDLE, False, "python:3")
    assert dict(facts.env) == {"COLOUR": "red"}
    assert facts.max_attempts == 3
    assert facts.args[0] == "a0"


def test_equal_specs_have_one_digest_and_others_another() -> None:
    assert specs.read_task_message(messages.task_spec()) is specs.read_task_message(messages.task_spec())
    assert (
        specs.read_task_message(messages.task_spec()).digest
        != specs.read_task_message(messages.task_spec(retries=1)).digest
    )


def test_a_pickled_bundle_is_known_by_its_flag() -> None:
    facts = specs.read_task_message(messages.task_spec(args=("a0", "--pkl", "file:///x.pkl.gz")))

    assert (facts.bundle_uri, facts.is_pickled) == ("file:///x.pkl.gz", True)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("A=B", "1", "an environment variable cannot be named 'A=B'"),
        ("", "1", "an environment variable cannot be named ''"),
        ("A", "1\0", "environment variable 'A' has a NUL in its value"),
    ],
)
def test_variables_that_no_process_can_have_are_refused(name: str, value: str, words: str) -> None:
    pair = literals_pb2.KeyValuePair(key=name, value=value)
    message = messages.task_spec()
    message.task_template.container.env.append(pair)

    with pytest.raises(Invalid, match=words):
        specs.read_task_message(message)
    with pytest.raises(Invalid, match=words):
        specs.read_envs(run_pb2.RunSpec(envs=run_pb2.Envs(values=[pair])))


def test_a_pod_is_read_through_its_primary_container() -> None:
    message = messages.task_spec()
    message.task_template.k8s_pod.CopyFrom(tasks_pb2.K8sPod(primary_container_name="main"))
    containers = [
        {"name": "side"},
        {"name": "main", "image": "i", "args": ["--tgz", "u"], "env": [{"name": "A", "value": "1"}]},
    ]
    ParseDict({"containers": containers}, message.task_template.k8s_pod.pod_spec)

    facts = specs.read_task_message(message)

    assert (facts.bundle_uri, facts.image, dict(facts.env)) == ("u", "i", {"A": "1"})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\xff\xff", "is not a flyteidl2.task.TaskSpec"),
        (b"\x1a\x01x", "task_template.id.name"),
    ],
)
def test_what_is_no_task_spec_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        specs.read_task_spec(data)


def test_an_action_is_read_from_its_bytes_too() -> None:
    message = messages.child()

    assert specs.read_action(message.SerializeToString()) == specs.read_action(message)
    with pytest.raises(Invalid, match=r"is not a flyteidl2\.actions\.Action"):
        specs.read_action(b"\xff")


def test_traces_have_ended_and_conditions_wait() -> None:
    trace, condition = specs.read_action(messages.trace()), specs.read_action(messages.condition())

    assert (trace.kind, trace.phase, trace.title, trace.failure) == (
        Kind.TRACE,
        Phase.SUCCEEDED,
        "look_up",
        None,
    )
    assert (condition.kind, condition.phase, condition.title) == (Kind.CONDITION, Phase.PAUSED, "go?")


def test_an_error_file_is_read_and_a_broken_one_is_a_system_failure() -> None:
    error = execution_pb2.ContainerError(
        code="KeyError",
        message="'x'",
        kind=execution_pb2.ContainerError.RECOVERABLE,
        origin=execution_pb2.ExecutionError.USER,
    )

    good = specs.read_failure(execution_pb2.ErrorDocument(error=error).SerializeToString())
    bad = specs.read_failure(b"\xff")

    assert (good.code, good.message, good.kind, good.recoverable) == ("KeyError", "'x'", "user", True)
    assert (bad.code, bad.kind) == ("ErrorFileBadFormat", "system")
    assert specs.read_failure(b"").code == "ErrorFileBadFormat"
