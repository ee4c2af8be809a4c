"""The tasks of demonstrations, as a client would serialise them. They have no code: only a ScriptedExecutor can run them."""

from __future__ import annotations

from functools import lru_cache

from flyteidl2.actions import actions_service_pb2
from flyteidl2.core import types_pb2
from flyteidl2.task import task_definition_pb2

from runs.demo.scripts import Script
from runs.domain.inputs.digests import attach
from runs.domain.names import RunRef
from runs.domain.tasks.bundles import OF_DEMONSTRATIONS

ENVIRONMENT = "demo"


@lru_cache(maxsize=64)
def task_message(name: str, *, retries: int = 0, is_cached: bool = False) -> task_definition_pb2.TaskSpec:
    """The TaskSpec of a task. Do not change it: it is kept."""
    message = task_definition_pb2.TaskSpec(short_name=name)
    message.environment.name = ENVIRONMENT
    template = message.task_template
    template.id.name, template.id.version, template.type = f"{ENVIRONMENT}.{name}", "demo", "python"
    template.metadata.retries.retries = retries
    template.metadata.discoverable = is_cached
    template.metadata.generates_deck.value = name == "main"
    template.container.args.extend(["a0", "--tgz", OF_DEMONSTRATIONS])
    return message


def child_message(
    script: Script, ref: RunRef, input_uri: str, *, patience_seconds: int, digest: str = ""
) -> bytes:
    """The Action with which a parent asks for this one. patience_seconds: how long a condition waits; 0: for ever."""
    message = actions_service_pb2.Action(parent_action_name=script.parent or "", group=script.group)
    message.action_id.name = script.name
    identity = message.action_id.run
    identity.project, identity.domain, identity.name = ref.project, ref.domain, ref.name
    if script.prompt:
        condition = message.condition
        condition.name, condition.prompt = script.task, script.prompt
        condition.type.simple = types_pb2.BOOLEAN
        condition.timeout.seconds = patience_seconds
    else:
        message.input_uri = input_uri
        attach(message, digest)
        spec = task_message(script.task, retries=len(script.attempts) - 1, is_cached=bool(script.cache_key))
        message.task.spec.CopyFrom(spec)
        if script.cache_key:
            message.task.cache_key.value = script.cache_key
    return message.SerializeToString()
