"""The tasks of demonstrations, as a client would serialise them. They have no code: only a play can run them."""

from __future__ import annotations

from functools import lru_cache

from flyteidl2.task import task_definition_pb2

ENVIRONMENT = "demo"
# No executor can load it, so one that is started for this pool by mistake says at once what is wrong.
BUNDLE = "file:///a-demonstration-has-no-code.tgz"


@lru_cache(maxsize=64)
def task_message(name: str, *, retries: int = 0) -> task_definition_pb2.TaskSpec:
    """The TaskSpec of a task. Do not change it: it is kept."""
    message = task_definition_pb2.TaskSpec(short_name=name)
    message.environment.name = ENVIRONMENT
    template = message.task_template
    template.id.name, template.id.version, template.type = f"{ENVIRONMENT}.{name}", "demo", "python"
    template.metadata.retries.retries = retries
    template.container.args.extend(["a0", "--tgz", BUNDLE])
    return message
