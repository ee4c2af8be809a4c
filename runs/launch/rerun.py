"""Run again: from an action that ran to a request for a run of the same task, with what is to be different.

The request is the one that `flyte rerun` sends, so the form, our command and the client come to one implementation:
`requests.read_request`. A run that recovers takes over what succeeded in its source (engine/recovery.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flyteidl2.common import run_pb2 as common_run_pb2
from flyteidl2.core import literals_pb2
from flyteidl2.task import common_pb2, run_pb2, task_definition_pb2
from flyteidl2.workflow import run_service_pb2
from google.protobuf.message import DecodeError

from runs.domain.errors import Invalid, NotFound
from runs.domain.names import ROOT, ActionRef, RunRef, check_run_name
from runs.domain.phases import Kind
from runs.engine.creation import create_run
from runs.launch.requests import read_request
from runs.queries.api import get_action_details
from runs.store import database, storage

# The SDK's own variables, such as the paths of the code: they stay as they were.
INTERNAL = "_F_"


@dataclass(frozen=True, slots=True)
class Source:
    """What an action ran with. inputs: None when its file is gone, so that each input must be given."""

    ref: ActionRef
    org: str
    task: task_definition_pb2.TaskSpec
    run_spec: run_pb2.RunSpec
    inputs: common_pb2.Inputs | None

    @property
    def is_root(self) -> bool:
        return self.ref.name == ROOT

    @property
    def envs(self) -> dict[str, str]:
        """The environment variables of the run, without those that the SDK has set for itself."""
        pairs = self.run_spec.envs.values
        return {pair.key: pair.value for pair in pairs if not pair.key.startswith(INTERNAL)}

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.run_spec.labels.values)

    @property
    def overwrites_cache(self) -> bool:
        return bool(self.run_spec.overwrite_cache or self.run_spec.cache_config.overwrite_cache)

    @property
    def literals(self) -> dict[str, literals_pb2.Literal]:
        """The inputs by name."""
        return {one.name: one.value for one in self.inputs.literals} if self.inputs else {}


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be different. inputs: only those that change; envs, labels: all of them, None as they were."""

    inputs: Mapping[str, literals_pb2.Literal] = field(default_factory=dict)
    envs: Mapping[str, str] | None = None
    labels: Mapping[str, str] | None = None
    name: str = ""
    overwrite_cache: bool | None = None
    recover: bool = False


def read_source(ref: ActionRef) -> Source:
    """What the action ran with. Four statements. Raises NotFound, or Invalid for what is no task."""
    details = get_action_details(ref)
    action = details.action
    if action.kind is not Kind.TASK or not details.spec:
        what = action.kind.name.lower()
        raise Invalid(f"action {ref.name!r} is a {what}, which cannot run by itself; run its parent again")
    return Source(
        ref=ref,
        org=action.org,
        task=task_definition_pb2.TaskSpec.FromString(details.spec),
        run_spec=run_pb2.RunSpec.FromString(details.run_spec),
        inputs=_read_inputs(action.input_uri),
    )


def _read_inputs(uri: str) -> common_pb2.Inputs | None:
    try:
        content = storage.read_bytes(uri) if uri else b""
        return None if content is None else common_pb2.Inputs.FromString(content)
    except (Invalid, DecodeError):  # written when the storage was elsewhere; or it is no such file
        return None


def make_request(source: Source, changes: Changes) -> run_service_pb2.CreateRunRequest:
    """The request for the new run, in the project and domain of its source. Raises Invalid; writes nothing."""
    if changes.recover and not source.is_root:
        raise Invalid(
            "only a whole run can recover what succeeded: what an action called has other names in a run of its own"
        )
    run = source.ref.run
    request = run_service_pb2.CreateRunRequest(
        task_spec=source.task, inputs=_inputs(source, changes), run_spec=_run_spec(source, changes)
    )
    if changes.name:
        request.run_id.org, request.run_id.project, request.run_id.domain = (
            source.org,
            run.project,
            run.domain,
        )
        request.run_id.name = check_run_name(changes.name)
    else:
        scope = request.project_id
        scope.organization, scope.name, scope.domain = source.org, run.project, run.domain
    return request


def _inputs(source: Source, changes: Changes) -> common_pb2.Inputs:
    """In the order that they had, which is that of the function. Those that are not changed are what they were, byte by byte."""
    values = source.literals | dict(changes.inputs)
    known = [entry.key for entry in source.task.task_template.interface.inputs.variables]
    if unknown := sorted(changes.inputs.keys() - set(known)):
        name = source.task.task_template.id.name
        raise Invalid(
            f"task {name!r} has no input {', '.join(map(repr, unknown))}, only {', '.join(known) or 'none'}"
        )
    if source.inputs is None and (missing := [name for name in known if name not in values]):
        raise NotFound(
            f"the inputs of {source.ref.name!r} are no longer in the storage; give {', '.join(missing)}, too"
        )
    inputs = common_pb2.Inputs(context=source.inputs.context if source.inputs else ())
    inputs.literals.extend(common_pb2.NamedLiteral(name=name, value=value) for name, value in values.items())
    return inputs


def _run_spec(source: Source, changes: Changes) -> run_pb2.RunSpec:
    """That of the source. Its files are its own, and whose rerun it was says nothing of the new one."""
    spec = run_pb2.RunSpec()
    spec.CopyFrom(source.run_spec)
    for name in ("relation", "recover", "run_base_dir"):
        spec.ClearField(name)
    if changes.envs is not None:
        kept = [pair for pair in spec.envs.values if pair.key.startswith(INTERNAL)]
        spec.envs.CopyFrom(run_pb2.Envs(values=kept))
        for key, value in changes.envs.items():
            spec.envs.values.add(key=key, value=value)
    if changes.labels is not None:
        spec.labels.CopyFrom(run_pb2.Labels(values=dict(changes.labels)))
    if changes.overwrite_cache is not None:
        spec.overwrite_cache = spec.cache_config.overwrite_cache = changes.overwrite_cache
    kinds = common_run_pb2
    spec.relation.relation_type = (
        kinds.RELATION_TYPE_RECOVER if changes.recover else kinds.RELATION_TYPE_RERUN
    )
    related, run = spec.relation.related_to, source.ref.run
    related.org, related.project, related.domain, related.name = source.org, run.project, run.domain, run.name
    return spec


async def rerun(source: Source, changes: Changes, *, created_by: str) -> RunRef:
    """Create the new run. Raises Invalid, NotFound or AlreadyExists, and then nothing has changed."""
    new = await read_request(make_request(source, changes), created_by=created_by)
    return await database.write(create_run, new)
