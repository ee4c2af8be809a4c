"""From a CreateRunRequest to a NewRun: which task, which inputs, where the files live. Writes inline inputs only."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from django.conf import settings
from flyteidl2.common import run_pb2 as common_run_pb2
from flyteidl2.core import interface_pb2
from flyteidl2.task import common_pb2, run_pb2, task_definition_pb2
from flyteidl2.workflow import run_service_pb2
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from runs.domain import cache_keys, specs
from runs.domain.declared import services
from runs.domain.errors import Invalid, NotFound
from runs.domain.images import INPUTS, MAX_IMAGE_NAME, build_task, is_build, is_build_task, plain_name
from runs.domain.inputs import digests
from runs.domain.names import check_run_name, check_scope
from runs.domain.specs import NewRun, TaskFacts
from runs.domain.tasks.bundles import NO_CODE, OF_DEMONSTRATIONS
from runs.engine.recovery import RECOVER
from runs.engine.retention.packing import unpack_run
from runs.queries import api as queries
from runs.queries import registry
from runs.store import database, storage, trees

MAX_ACTIONS = 2**31 - 1  # what its column holds; more is no limit
_RELATIONS = {
    common_run_pb2.RELATION_TYPE_RERUN: "rerun",
    common_run_pb2.RELATION_TYPE_RECOVER: "recover",
    common_run_pb2.RELATION_TYPE_SPAWN: "spawn",
    common_run_pb2.RELATION_TYPE_TRIGGERED: "triggered",
    common_run_pb2.RELATION_TYPE_ON_ARTIFACT: "on artifact",
}


async def read_request(request: run_service_pb2.CreateRunRequest, *, created_by: str) -> NewRun:
    """Check all of the request before anything is written; raises Invalid or NotFound."""
    org, project, domain, name = _identity(request)
    await database.read(queries.check_project, project, domain, settings.DOMAINS)
    task = await _task(request)
    specs.check_runnable(task)
    await asyncio.to_thread(_check_bundle, task)
    spec = run_pb2.RunSpec()
    spec.CopyFrom(request.run_spec)
    if request.HasField("run_start_time"):
        spec.run_start_time.CopyFrom(request.run_start_time)
    elif not spec.HasField("run_start_time"):
        now = Timestamp()
        now.GetCurrentTime()
        spec.run_start_time.CopyFrom(now)
    related = specs.read_run_ref(spec.relation.related_to) if spec.HasField("relation") else None
    new = NewRun(
        project=project,
        domain=domain,
        name=name,
        org=org,
        task=task,
        spec=spec.SerializeToString(deterministic=True),
        labels=dict(spec.labels.values),
        envs=specs.read_envs(spec),
        base_uri=_base_uri(spec),
        raw_data_prefix=spec.raw_data_storage.raw_data_prefix or None,
        started_from=specs.read_time(spec.run_start_time),
        created_by=created_by,
        max_actions=min(spec.max_action_concurrency, MAX_ACTIONS),
        relation=_RELATIONS.get(spec.relation.relation_type, ""),
        related_to=related,
        input_uri="",
    )
    if related is not None and new.relation == RECOVER:
        await asyncio.to_thread(unpack_run, related)
    # The last of all, because it may write a file.
    input_uri = await _input_uri(request, task, project, domain)
    image = await asyncio.to_thread(_image_to_build, input_uri) if is_build(task) else ""
    inputs = await asyncio.to_thread(storage.read_bytes, input_uri) or b""
    key = await asyncio.to_thread(_cache_key, task, inputs) if task.discoverable else ""
    digest = digests.read_inputs_digest(inputs)
    return replace(new, input_uri=input_uri, cache_key=key, image=image, digest=digest)


def _identity(request: run_service_pb2.CreateRunRequest) -> tuple[str, str, str, str | None]:
    """Organisation, project, domain and, when the client chose one, the run's name."""
    match request.WhichOneof("id"):
        case "run_id":
            ref = specs.read_run_ref(request.run_id)
            return request.run_id.org, ref.project, ref.domain, check_run_name(ref.name)
        case "project_id":
            scope = request.project_id
            return (
                scope.organization,
                check_scope("project", scope.name),
                check_scope("domain", scope.domain),
                None,
            )
        case _:
            raise Invalid("the request has neither run_id nor project_id")


async def _task(request: run_service_pb2.CreateRunRequest) -> TaskFacts:
    match request.WhichOneof("task"):
        case "task_spec":
            if is_build_task(request.task_spec):
                # Whatever it sends: the pool of the builder runs our own code only.
                return build_task(is_forced=_overwrites_cache(request.run_spec))
            return specs.read_task_message(request.task_spec)
        case "task_id":
            asked = request.task_id
            found = await database.read(
                registry.get_task, asked.project, asked.domain, asked.name, asked.version
            )
            return specs.read_task_spec(found.spec)
        case "trigger_name":
            name = request.trigger_name.name
            raise ConnectError(Code.UNIMPLEMENTED, f"{services.TRIGGERS}; the trigger is {name!r}")
        case _:
            raise Invalid("the request has no task: neither task_spec nor task_id")


def _overwrites_cache(spec: run_pb2.RunSpec) -> bool:
    return bool(spec.overwrite_cache or spec.cache_config.overwrite_cache)


def _image_to_build(input_uri: str) -> str:
    """The name of the image that a build is to make."""
    try:
        inputs = common_pb2.Inputs.FromString(storage.read_bytes(input_uri) or b"")
    except DecodeError as error:
        raise Invalid(f"the inputs of the build cannot be read: {error}") from error
    given = {one.name: one.value.scalar.primitive.string_value for one in inputs.literals}
    return specs.check_text("target_image", plain_name(given.get(INPUTS[-1], "")), longest=MAX_IMAGE_NAME)


def _check_bundle(task: TaskFacts) -> None:
    """Raise Invalid when the code is elsewhere than in our storage, or gone, which happens when the storage was emptied.

    The client remembers for a day what it has uploaded, and does not upload it again.
    """
    if not task.bundle_uri:
        return
    if task.bundle_uri == OF_DEMONSTRATIONS:
        raise Invalid(f"task {task.name!r} cannot run: {NO_CODE}")
    storage.check_inside(f"the code bundle of task {task.name!r}", task.bundle_uri)
    if not storage.exists(task.bundle_uri):
        raise Invalid(
            f"the code bundle {task.bundle_uri} of task {task.name!r} is not in the storage any more, but the flyte "
            "client remembers that it has uploaded it; `flyte delete local-cache` makes it forget"
        )
    trees.touch([task.bundle_uri])


def _base_uri(spec: run_pb2.RunSpec) -> str | None:
    if not spec.run_base_dir:
        return None
    return storage.check_inside("run_base_dir", spec.run_base_dir).rstrip("/") + "/"


async def _input_uri(
    request: run_service_pb2.CreateRunRequest, task: TaskFacts, project: str, domain: str
) -> str:
    if request.WhichOneof("input_wrapper") != "offloaded_input_data":
        complete = fill_defaults(request.inputs, task)
        folder = await write_inputs(complete, project, domain)
        return storage.join(folder, "inputs.pb")
    uri = request.offloaded_input_data.uri
    specs.check_text("uri of the offloaded inputs", uri, longest=specs.MAX_URI)
    if not uri.endswith(".pb"):
        uri = storage.join(uri, "inputs.pb")
    storage.check_inside("uri of the offloaded inputs", uri)
    if not await asyncio.to_thread(storage.provide, uri):
        raise NotFound(f"the inputs are gone: there is no file {uri!r}")
    await asyncio.to_thread(trees.touch, [uri])
    return uri


def fill_defaults(inputs: common_pb2.Inputs, task: TaskFacts) -> common_pb2.Inputs:
    """The inputs, in their order, and behind them the task's defaults for those that are missing.

    Raises Invalid for one that the task does not know, and for one that is missing and has no default.
    """
    message = task_definition_pb2.TaskSpec.FromString(task.spec)
    wanted = [entry.key for entry in message.task_template.interface.inputs.variables]
    given = {named.name: named for named in inputs.literals}
    if unknown := sorted(set(given) - set(wanted)):
        raise Invalid(f"task {task.name!r} has no input {', '.join(map(repr, unknown))}")
    defaults = {one.name: one.parameter for one in message.default_inputs}
    complete = common_pb2.Inputs(context=inputs.context)
    complete.literals.extend(given.values())
    for name in wanted:
        if name not in given:
            complete.literals.append(_default(name, defaults.get(name), task))
    return complete


def _default(
    name: str, parameter: interface_pb2.Parameter | None, task: TaskFacts
) -> common_pb2.NamedLiteral:
    if parameter is None or parameter.WhichOneof("behavior") != "default":
        raise Invalid(f"input {name!r} of task {task.name!r} is missing and has no default")
    return common_pb2.NamedLiteral(name=name, value=parameter.default)


async def write_inputs(inputs: common_pb2.Inputs, project: str, domain: str) -> str:
    """Write inputs.pb and return its folder. Equal inputs share a file; raises Invalid when they are too large."""
    if inputs.ByteSize() > settings.MAX_INPUT_BYTES:
        raise Invalid(
            f"the inputs have {inputs.ByteSize()} bytes, at most {settings.MAX_INPUT_BYTES} are allowed"
        )
    data = inputs.SerializeToString(deterministic=True)
    folder = storage.inputs_uri(project, domain, hashlib.sha256(data).hexdigest())
    await asyncio.to_thread(storage.write_bytes, storage.join(folder, "inputs.pb"), data)
    return folder


def _cache_key(task: TaskFacts, inputs: bytes) -> str:
    """The key of a root action: its client leaves it to the server. "" when its inputs cannot be read."""
    try:
        return cache_keys.key_of(task.spec, common_pb2.Inputs.FromString(inputs))
    except DecodeError:
        return ""
