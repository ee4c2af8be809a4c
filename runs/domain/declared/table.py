"""The one table of what Flyte's messages can declare: each field works here, differs, is not here, or declares nothing. Pure.

The Overview of a run lists what differs and what there is not (finding.py); docs/compatibility.md is made of it, too. A test
walks the messages of flyteidl2, so that a field of a newer version cannot go unclassified.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from flyteidl2.actions import actions_service_pb2
from flyteidl2.task import run_pb2, task_definition_pb2
from flyteidl2.workflow import run_definition_pb2
from google.protobuf.message import Message


class Standing(StrEnum):
    """How a declaration is taken. NOTHING: it only names or describes."""

    WORKS = "works"
    DIFFERS = "differs"
    NOT_HERE = "not here"
    NOTHING = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """title: what people call it. instead: one sentence, what happens here. proof: the test that shows that it works."""

    standing: Standing
    title: str = ""
    instead: str = ""
    proof: str = ""

    @property
    def is_listed(self) -> bool:
        """Whether whoever declares it must be told."""
        return self.standing in {Standing.DIFFERS, Standing.NOT_HERE}


Tree = Mapping[str, "Entry | Tree"]


def works(title: str, proof: str) -> Entry:
    return Entry(Standing.WORKS, title, proof=proof)


def differs(title: str, instead: str) -> Entry:
    return Entry(Standing.DIFFERS, title, instead)


def not_here(title: str, instead: str) -> Entry:
    return Entry(Standing.NOT_HERE, title, instead)


NOTHING = Entry(Standing.NOTHING)
INTERRUPTIBLE = differs(
    "interruptible",
    "There are no machines that may be taken away: the action runs as any other, and when its executor is lost, it is queued "
    "again without a failure.",
)
POD_LABELS = not_here("labels and annotations of the pod", "There is no pod that could carry them.")
POD_TEMPLATE_NAME = not_here("pod template", "There are no pods, so no template of that name is looked up.")
SERVICE_ACCOUNT = not_here(
    "service account", "The code runs as the user of its worker, with that user's rights."
)
RUN_AS: Tree = {
    "iam_role": not_here("IAM role", "The code has the credentials of its worker's user."),
    "k8s_service_account": SERVICE_ACCOUNT,
    "oauth2_client": not_here("OAuth client", "No token is fetched for the code."),
    "execution_identity": NOTHING,  # whoever has submitted the run, as a server fills in
}
TOKENS = not_here("tokens", "No token is fetched for the code; ask for a secret instead.")
ACCELERATOR = not_here(
    "accelerator", "Nothing is reserved and nothing hidden: the code sees the devices that the machine has."
)
QUEUE = not_here("queue", "There is one queue: actions run in the order in which they were queued.")
CPU = differs(
    "CPU",
    "A plain function, which has a process of its own, waits until so many cores are free; coroutines share theirs.",
)
MEMORY = differs(
    "memory",
    "A process of its own is ended when it takes more; of coroutines that share a process, nobody can say whose memory it is.",
)
# By the names of Kubernetes, in lower case, of resources; any other is ANOTHER_RESOURCE.
RESOURCES: Mapping[str, Entry] = {
    "cpu": CPU,
    "memory": MEMORY,
    "gpu": not_here("GPU", "No GPU is reserved: the code sees all that the machine has, or none."),
    "storage": not_here("disk", "No disk is reserved: the code writes to that of its machine."),
    "ephemeral_storage": not_here("disk", "No disk is reserved: the code writes to that of its machine."),
}
ANOTHER_RESOURCE = not_here("resource", "Nothing of that kind is reserved.")
RESOURCE_KINDS: Tree = {"requests": NOTHING, "limits": NOTHING}  # finding.py names what is in them

# A pod is no protobuf message: these are keys of Kubernetes, of the pod and of its primary container. Any other key is listed, too.
POD: Mapping[str, Entry] = {
    "containers": NOTHING,
    "restartPolicy": NOTHING,
    "terminationGracePeriodSeconds": works("grace period of the pod", "tests/e2e/client/test_declared.py"),
    "serviceAccountName": SERVICE_ACCOUNT,
    "initContainers": not_here("init containers", "There are no containers, so none of them runs."),
    "volumes": not_here("volumes", "Nothing is mounted: the code sees the files of its machine."),
    "nodeSelector": not_here("node selector", "The action runs on any worker."),
    "affinity": not_here("affinity", "The action runs on any worker."),
    "tolerations": not_here("tolerations", "The action runs on any worker."),
}
PRIMARY: Mapping[str, Entry] = {
    "name": NOTHING,
    "args": NOTHING,
    "command": NOTHING,
    "image": NOTHING,
    "resources": NOTHING,  # RESOURCES is for them
    "env": NOTHING,
    "envFrom": not_here("variables from a config map", "There are no config maps; use env_vars or a secret."),
    "volumeMounts": not_here("volume mounts", "Nothing is mounted: the code sees the files of its machine."),
    "securityContext": not_here(
        "security context", "The code has the rights of its worker's user, and no more."
    ),
    "workingDir": not_here(
        "working folder", "An action has the folder of its code bundle, or one of its own."
    ),
}
SIDECARS = not_here("sidecar containers", "There are no containers, so none of them runs.")
VARIABLE_FROM = not_here(
    "variable from elsewhere", "There is no such place here, so the variable is not set."
)
ANOTHER_SETTING = not_here("setting of the pod", "There is no pod, so nothing reads it.")
DEBUG = not_here("debug", "No editor is started for the action: it runs as any other.")
NEWER = not_here("newer field", "This version of flyteui does not know it; a newer one may.")

_E2E = "tests/e2e/client"
_METADATA: Tree = {
    "discoverable": works("cache", f"{_E2E}/test_cache_hits.py"),
    "runtime": NOTHING,
    "timeout": works("timeout", f"{_E2E}/test_limits.py"),
    "retries": {
        "retries": works("retries", "tests/engine/test_limits.py"),
        "backoff": {
            "base": works("backoff", "tests/engine/test_limits.py"),
            "factor": works("backoff", "tests/engine/test_limits.py"),
            "cap": works("backoff", "tests/engine/test_limits.py"),
        },
    },
    "discovery_version": works("version and salt of the cache", f"{_E2E}/test_declared.py"),
    "deprecated_error_message": not_here("deprecation message", "It is kept, and shown nowhere."),
    "interruptible": INTERRUPTIBLE,
    "cache_serializable": works("serialized cache", f"{_E2E}/test_cache_hits.py"),
    "tags": not_here("tags", "They are kept, and shown nowhere."),
    "pod_template_name": POD_TEMPLATE_NAME,
    "cache_ignore_input_vars": works("inputs that the cache ignores", "tests/domain/test_cache_keys.py"),
    "is_eager": NOTHING,
    "generates_deck": works("report", "tests/views/test_panels.py"),
    "metadata": POD_LABELS,
    "debuggable": NOTHING,  # true of each task that is not reusable
    "log_links": works("links", f"{_E2E}/test_declared.py"),
    "image_build_run": NOTHING,
    "is_entrypoint": works("entrypoint", "tests/api/test_registry.py"),
    "code_bundle_uri": NOTHING,
    "timeouts": {
        "queued_timeout": works("longest time in the queue", "tests/engine/test_limits.py"),
        "deadline": works("deadline", "tests/engine/test_limits.py"),
    },
    "produces_artifacts": not_here(
        "artifacts", "There is no registry of artifacts: what the task returns are its outputs, and no more."
    ),
    "cache_max_age": works("longest age of cached outputs", "tests/engine/test_cache.py"),
}
_SECURITY: Tree = {
    "run_as": RUN_AS,
    "secrets": works("secrets", f"{_E2E}/test_secrets.py"),
    "tokens": TOKENS,
}
_CONTAINER: Tree = {
    "image": works("image", f"{_E2E}/test_images.py"),
    "command": NOTHING,  # of container tasks, which are refused
    "args": NOTHING,
    "resources": RESOURCE_KINDS,
    "env": works("env_vars", f"{_E2E}/test_declared.py"),
    "config": not_here("container config", "It is kept, and nothing reads it."),
    "ports": not_here("ports of the container", "The code may listen on any free port of its machine."),
    "data_config": NOTHING,  # of container tasks
    "architecture": not_here("architecture", "The code runs on that of its worker's machine."),
}
TASK: Tree = {
    "task_template": {
        "id": NOTHING,
        "type": NOTHING,  # finding.py names those that are not known
        "metadata": _METADATA,
        "interface": NOTHING,
        "custom": NOTHING,  # what goes with the type
        "container": _CONTAINER,
        "k8s_pod": {
            "metadata": POD_LABELS,
            "pod_spec": NOTHING,  # POD and PRIMARY are for it
            "data_config": NOTHING,
            "primary_container_name": NOTHING,
        },
        "sql": NOTHING,  # such a task is refused
        "task_type_version": NOTHING,
        "security_context": _SECURITY,
        "extended_resources": {
            "gpu_accelerator": ACCELERATOR,
            "shared_memory": not_here("shared memory", "The code has that of its machine, with its size."),
        },
        "config": NOTHING,
        "reuse_policy": differs(
            "reusable",
            "Actions of a run share processes anyway: as many as the server allows, not as many as the replicas; they stay for as long "
            "as the run needs them.",
        ),
        "worker_kind": not_here("kind of worker", "There is one kind of worker."),
    },
    "default_inputs": works("default inputs", "tests/api/test_runs.py"),
    "short_name": NOTHING,
    "environment": NOTHING,
    "documentation": NOTHING,
}
RUN: Tree = {
    "labels": works("labels", "tests/api/test_runs.py"),
    "annotations": differs(
        "annotations", "They are kept and answered; there is no pod that could carry them."
    ),
    "envs": works("environment variables of the run", f"{_E2E}/test_declared.py"),
    "interruptible": INTERRUPTIBLE,
    "overwrite_cache": works("overwrite the cache", f"{_E2E}/test_cache_hits.py"),
    "queue": QUEUE,
    "raw_data_storage": works("place of raw data", "tests/api/test_runs.py"),
    "security_context": {
        "run_as": RUN_AS,
        "secrets": not_here("secrets of a run", "An action gets the secrets that its own task asks for."),
        "tokens": TOKENS,
    },
    "cache_config": {
        "overwrite_cache": works("overwrite the cache", f"{_E2E}/test_cache_hits.py"),
        "cache_lookup_scope": works("scope of the cache", "tests/engine/test_cache.py"),
    },
    "notification_rule_name": not_here("notification rule", "Nobody is notified of how the run ends."),
    "notification_rules": not_here("notifications", "Nobody is notified of how the run ends."),
    "run_start_time": works("start time", "tests/api/test_runs.py"),
    "max_action_concurrency": works("max_action_concurrency", "tests/engine/test_concurrency.py"),
    "run_base_dir": works("folder of the run", "tests/api/test_runs.py"),
    "related_to": NOTHING,
    "cluster_pool": not_here("cluster pool", "There is one cluster, this server with its workers."),
    "task_spec_source": NOTHING,
    "relation": works("rerun, recover, nested runs", f"{_E2E}/test_recovery.py"),
    "recover": works("actions that a recovery runs again", "tests/engine/test_recovery.py"),
    "default_settings": {
        "pod_template_name": POD_TEMPLATE_NAME,
        "task_resource_defaults": {
            "requests": not_here("default resources", "A task has what it declares itself."),
            "max": not_here("greatest resources", "A task has what it declares itself."),
            "default_accelerator": ACCELERATOR,
        },
    },
}
CONDITION: Tree = {
    "name": NOTHING,
    "type": works("conditions", f"{_E2E}/test_conditions.py"),
    "prompt": works("prompt of a condition", "tests/views/test_conditions.py"),
    "description": works("description of a condition", "tests/views/test_conditions.py"),
    "prompt_type": differs("markup of a prompt", "The prompt is shown as it was written."),
    "timeout": works("timeout of a condition", "tests/engine/test_conditions.py"),
    "webhook": not_here("webhook", "Nobody is called: the condition waits in the run's page."),
}
TASK_ACTION: Tree = {"id": NOTHING, "spec": TASK, "cache_key": NOTHING, "queue": QUEUE}
# What a parent says of a child beside the child's spec.
CHILD: Tree = {
    "action_id": NOTHING,
    "parent_action_name": NOTHING,
    "input_uri": NOTHING,
    "run_output_base": NOTHING,
    "group": works("groups", "tests/tree/test_layout.py"),
    "subject": NOTHING,
    "task": TASK_ACTION,
    "trace": works("traces", f"{_E2E}/test_traces.py"),
    "condition": CONDITION,
    "recovered_from": NOTHING,
}
ROOTS: Mapping[type[Message], Tree] = {
    task_definition_pb2.TaskSpec: TASK,
    run_pb2.RunSpec: RUN,
    run_definition_pb2.ConditionAction: CONDITION,
    actions_service_pb2.Action: CHILD,
}
