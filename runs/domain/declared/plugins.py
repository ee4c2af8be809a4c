"""Tasks that something else than a Python process must run, and why they are refused here before anything of them runs. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from flyteidl2.core import tasks_pb2

from runs.domain.declared.containers import Container

ENTRY_POINT = "a0"  # the SDK's, with which the command of a Python task begins
CODE = "UnsupportedTask"  # of the error of an action that was refused
PYTHON = frozenset({"python", "actor", "python-task"})
ON_A_CLUSTER = "or run it on a Flyte cluster"


@dataclass(frozen=True, slots=True)
class Plugin:
    """name: as people call it. needs: what runs its tasks. instead: what one can do here."""

    name: str
    needs: str
    instead: str


PLUGINS: dict[str, Plugin] = {
    "spark": Plugin(
        "Spark", "a Spark operator",
        'without plugin_config, start Spark in the task: SparkSession.builder.master("local[*]")',
    ),
    "ray": Plugin("Ray", "a Ray cluster", "without plugin_config, start Ray in the task: ray.init()"),
    "dask": Plugin(
        "Dask", "a Dask cluster", "without plugin_config, start Dask in the task: distributed.Client()"
    ),
    "pytorch": Plugin("PyTorch Elastic", "several nodes", "set nnodes=1, which runs on this machine"),
    "mpi": Plugin("MPI", "an MPI operator", "without plugin_config, start mpirun in the task"),
    "tensorflow": Plugin("TensorFlow", "a training operator", "remove plugin_config"),
    "clustered-task": Plugin(
        "clustered", "several machines that start together",
        "use a TaskEnvironment, and start torchrun for this machine in the task",
    ),
    "slurm": Plugin("Slurm", "a Slurm cluster", "call sbatch in a task"),
    "core-sleep": Plugin("Sleep", "a backend that sleeps for the task", "await asyncio.sleep(…) in a task"),
    "snowflake": Plugin("Snowflake", "a connector service", "use Snowflake's own client in a task"),
    "bigquery": Plugin("BigQuery", "a connector service", "use Google's own client in a task"),
    "databricks": Plugin("Databricks", "a connector service", "use Databricks' own client in a task"),
    "raw-container": Plugin("container", "a container engine", "call the program by subprocess in a task"),
}  # fmt: skip
_OTHER = Plugin("", "a backend of its own", "write it as a Python task")


def why_refused(template: tasks_pb2.TaskTemplate, container: Container) -> str:
    """Why no executor can run such a task, with what to do instead; "" when one can."""
    kind = template.type
    plugin = PLUGINS.get(kind)
    if plugin is None:
        if not container.command and (not container.args or container.args[0] == ENTRY_POINT):
            # A type that is not known here, with the SDK's own command: a Python process is what it asks for.
            return (
                "" if template.WhichOneof("target") in {"container", "k8s_pod"} else _words(template, _OTHER)
            )
        plugin = PLUGINS["raw-container"]
    return _words(template, plugin)


def _words(template: tasks_pb2.TaskTemplate, plugin: Plugin) -> str:
    what = f"a {plugin.name} task (type {template.type!r})" if plugin.name else f"of type {template.type!r}"
    return (
        f"task {template.id.name!r} is {what}: it needs {plugin.needs}, which flyteui has not. "
        f"Instead: {plugin.instead}; {ON_A_CLUSTER}"
    )
