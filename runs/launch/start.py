"""Launch: from a task that was deployed, or that a run brought with its code, to a request for a run of it.

What was deployed is asked for by its name and version, as `flyte run deployed-task` does; what a run brought is sent as it was,
with the environment variables that the SDK had set for that run, such as the paths of its code.
"""

from __future__ import annotations

from dataclasses import dataclass

from flyteidl2.core import literals_pb2
from flyteidl2.task import common_pb2, run_pb2, task_definition_pb2
from flyteidl2.workflow import run_service_pb2

from runs.domain.errors import Invalid
from runs.domain.names import RunRef, check_run_name
from runs.domain.specs import TaskFacts, read_task_spec
from runs.domain.tasks.bundles import NO_CODE, OF_DEMONSTRATIONS
from runs.domain.tasks.interface import default_literals
from runs.engine.creation import create_run
from runs.launch.requests import read_request
from runs.launch.rerun import INTERNAL, Changes, read_source
from runs.queries.tasks.task import TaskVersion, get_version
from runs.store import database, storage


@dataclass(frozen=True, slots=True)
class Launch:
    """A version of a task to be launched. run_spec: what a run of it has before anything is changed."""

    project: str
    domain: str
    name: str
    version: TaskVersion
    task: task_definition_pb2.TaskSpec
    run_spec: run_pb2.RunSpec
    inputs: (
        common_pb2.Inputs
    )  # of the newest of its runs, when that has brought it: the client sends no defaults with a run
    problem: str  # why it cannot run; "" for what can

    # What the form asks of its source, as of a run that is run again (rerun.Source).
    is_root = False
    overwrites_cache = False

    @property
    def envs(self) -> dict[str, str]:
        return {}

    @property
    def labels(self) -> dict[str, str]:
        return {}

    @property
    def literals(self) -> dict[str, literals_pb2.Literal]:
        """By name: the defaults, and what the run was given that has brought it."""
        return {one.name: one.value for one in self.inputs.literals} | default_literals(self.task)


def read_launch(project: str, domain: str, name: str, version: str = "") -> Launch:
    """The version, or the newest one that was deployed, or that ran. Seven statements at most. Raises NotFound."""
    found, spec = get_version(project, domain, name, version)
    task = task_definition_pb2.TaskSpec.FromString(spec)
    run_spec, inputs = _brought_with(found)
    return Launch(project, domain, name, found, task, run_spec, inputs, why_not(read_task_spec(spec)))


def why_not(task: TaskFacts) -> str:
    """Why no run of this task can be started; "" for one that can."""
    if task.refusal or not task.bundle_uri:
        return task.refusal
    if task.bundle_uri == OF_DEMONSTRATIONS:
        return NO_CODE
    try:
        storage.check_inside(f"the code bundle of task {task.name!r}", task.bundle_uri)
    except Invalid as error:
        return error.message
    if not storage.exists(task.bundle_uri):
        return "its code is no longer in the storage; deploy or run it again from where the code is"
    return ""


def _brought_with(version: TaskVersion) -> tuple[run_pb2.RunSpec, common_pb2.Inputs]:
    """Of what a run brought: what the SDK had set for itself in the newest of its runs, and the inputs there. Four statements, none for what was deployed."""
    made = run_pb2.RunSpec()
    if version.deployed_at or version.source is None:
        return made, common_pb2.Inputs()
    source = read_source(version.source)
    made.envs.values.extend(pair for pair in source.run_spec.envs.values if pair.key.startswith(INTERNAL))
    return made, source.inputs or common_pb2.Inputs()


def make_launch_request(launch: Launch, changes: Changes) -> run_service_pb2.CreateRunRequest:
    """The request for the run. Raises Invalid; writes nothing."""
    if launch.problem:
        raise Invalid(launch.problem)
    request = run_service_pb2.CreateRunRequest(
        inputs=common_pb2.Inputs(
            literals=[
                common_pb2.NamedLiteral(name=name, value=value)
                for name, value in (launch.literals | dict(changes.inputs)).items()
            ]
        ),
        run_spec=_changed(launch.run_spec, changes),
    )
    if launch.version.deployed_at:
        asked = request.task_id
        asked.project, asked.domain, asked.name = launch.project, launch.domain, launch.name
        asked.version = launch.version.version
    else:
        request.task_spec.CopyFrom(launch.task)
    if changes.name:
        run = request.run_id
        run.project, run.domain, run.name = launch.project, launch.domain, check_run_name(changes.name)
    else:
        request.project_id.name, request.project_id.domain = launch.project, launch.domain
    return request


def _changed(before: run_pb2.RunSpec, changes: Changes) -> run_pb2.RunSpec:
    spec = run_pb2.RunSpec()
    spec.CopyFrom(before)
    for key, value in (changes.envs or {}).items():
        spec.envs.values.add(key=key, value=value)
    spec.labels.CopyFrom(run_pb2.Labels(values=dict(changes.labels or {})))
    spec.overwrite_cache = spec.cache_config.overwrite_cache = bool(changes.overwrite_cache)
    return spec


async def launch_task(launch: Launch, changes: Changes, *, created_by: str) -> RunRef:
    """Create the run. Raises Invalid, NotFound or AlreadyExists, and then nothing has changed."""
    new = await read_request(make_launch_request(launch, changes), created_by=created_by)
    return await database.write(create_run, new)
