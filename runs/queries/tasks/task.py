"""One task: its versions, what it says of itself, and what its last actions came to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from runs.domain.addresses.pages import action_path, run_path, task_code_path, task_path
from runs.domain.errors import NotFound
from runs.domain.names import ActionRef, RunRef
from runs.domain.tasks.interface import Interface, read_interface
from runs.domain.tasks.outcomes import Numbers, Outcome, OutcomeBar, bars_of, numbers_of
from runs.models import DeployedTask, TaskSpec
from runs.queries.tasks.usage import UsedSpec, list_newest, list_used, read_outcomes

MAX_VERSIONS = 50
MAX_COUNTED = 200  # actions of which the numbers are
BARS = 30


@dataclass(frozen=True, slots=True)
class TaskVersion:
    """A version that was deployed, or came with a run. deployed_at: None for the latter; last_*: of its newest action here."""

    version: str
    spec_id: int
    path: str
    seen_at: datetime
    deployed_at: datetime | None = None
    deployed_by: str = ""
    last_at: datetime | None = None
    last_run: str = ""
    last_path: str = ""
    code_path: str = ""
    source: ActionRef | None = None

    @property
    def newest_at(self) -> datetime:
        return max(at for at in (self.deployed_at, self.last_at, self.seen_at) if at)


@dataclass(frozen=True, slots=True)
class TaskPage:
    """A task, with the version that one looks at. spec: the bytes of its TaskSpec; numbers: of `counted` actions of all versions."""

    project: str
    domain: str
    name: str
    label: str
    environment: str
    path: str
    version: TaskVersion
    versions: tuple[TaskVersion, ...]
    interface: Interface
    spec: bytes
    bars: tuple[OutcomeBar, ...]
    counted: int
    numbers: Numbers
    last_failure: Outcome | None

    @property
    def code_path(self) -> str:
        """Of the version that one looks at."""
        version = self.version
        return version.code_path or task_code_path(self.project, self.domain, self.name, version.version)

    @property
    def prefix(self) -> str:
        """What stands before its label: the environment, where the name begins with it."""
        return f"{self.environment}." if self.name == f"{self.environment}.{self.label}" else ""


def get_task_page(project: str, domain: str, name: str, version: str = "") -> TaskPage:
    """version: "" for the newest one that was deployed, or if none was, the one that ran last. Raises NotFound. Five statements at most."""
    used = list_used(project, domain, name=name, most=MAX_VERSIONS)
    chosen, versions = _choose(project, domain, name, version, used)
    row = TaskSpec.objects.get(pk=chosen.spec_id)
    newest = list_newest(project, domain, [one.spec_id for one in used], MAX_COUNTED)
    ids = sorted((pk for found in newest.values() for pk in found), reverse=True)[:MAX_COUNTED]
    outcomes = read_outcomes(project, domain, ids)
    return TaskPage(
        project=project,
        domain=domain,
        name=name,
        label=row.short_name or name.rpartition(".")[2],
        environment=row.environment,
        path=task_path(project, domain, name),
        version=chosen,
        versions=versions,
        interface=read_interface(bytes(row.spec)),
        spec=bytes(row.spec),
        bars=bars_of(outcomes[:BARS], timezone.now()),
        counted=len(outcomes),
        numbers=numbers_of(outcomes),
        last_failure=next((one for one in outcomes if one.error), None),
    )


def get_version(project: str, domain: str, name: str, version: str = "") -> tuple[TaskVersion, bytes]:
    """A version as get_task_page chooses it, and its TaskSpec. Raises NotFound. Three statements."""
    used = list_used(project, domain, name=name, most=MAX_VERSIONS)
    chosen, _ = _choose(project, domain, name, version, used)
    return chosen, bytes(TaskSpec.objects.values_list("spec", flat=True).get(pk=chosen.spec_id))


def list_versions(project: str, domain: str, name: str) -> tuple[TaskVersion, ...]:
    """The newest versions, the newest first. Two statements. Raises NotFound."""
    return _choose(project, domain, name, "", list_used(project, domain, name=name, most=MAX_VERSIONS))[1]


def _choose(
    project: str, domain: str, name: str, version: str, used: Sequence[UsedSpec]
) -> tuple[TaskVersion, tuple[TaskVersion, ...]]:
    """One statement."""
    rows = DeployedTask.objects.filter(project__name=project, domain=domain, name=name)
    deployed = list(rows.order_by("-created_at", "-pk")[:MAX_VERSIONS])
    if version and all(one.version != version for one in deployed):
        deployed += rows.filter(version=version)
    versions = _merged((project, domain, name), deployed, used)
    wanted = version or (deployed[0].version if deployed else "")
    found = next((one for one in versions if one.version == wanted or not wanted), None)
    if found is None:
        what = f"task {name[:200]!r}" + (f" version {version[:80]!r}" if version else "")
        raise NotFound(f"there is no {what} in project {project!r}, domain {domain!r}")
    return found, versions[:MAX_VERSIONS]


def _merged(
    task: tuple[str, str, str], deployed: Iterable[DeployedTask], used: Iterable[UsedSpec]
) -> tuple[TaskVersion, ...]:
    """Each version once, the newest first. What was deployed under a version is what the version is."""
    versions = {
        one.version: TaskVersion(
            one.version,
            one.spec_id,
            task_path(*task, one.version),
            one.created_at,
            one.created_at,
            one.deployed_by,
        )
        for one in deployed
    }
    for spec in used:
        line = versions.get(spec.version)
        if line is None:
            line = TaskVersion(spec.version, spec.spec_id, task_path(*task, spec.version), spec.created_at)
        if line.last_at is None and line.spec_id == spec.spec_id:
            line = _with_last(line, spec, *task[:2])
        versions[spec.version] = line
    return tuple(sorted(versions.values(), key=lambda one: one.newest_at, reverse=True))


def _with_last(line: TaskVersion, spec: UsedSpec, project: str, domain: str) -> TaskVersion:
    source = ActionRef(RunRef(project, domain, spec.run), spec.action)
    return replace(
        line, last_at=spec.last_at, last_run=spec.run, last_path=action_path(source), source=source,
        code_path=f"{run_path(source.run)}/actions/{spec.action}/code",
    )  # fmt: skip
