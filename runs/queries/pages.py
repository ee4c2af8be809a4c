"""What the pages show of runs as a whole; rows of a tree are in rows.py, the panel of one action in panels.py."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from runs.errors import Invalid, NotFound
from runs.models import Action, Project, Run
from runs.names import ROOT, RunRef
from runs.queries.rows import ROW_FIELDS, ActionRow, to_row
from runs.timeline import between_ms, duration_words

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class RunHead:
    """What stays the same while a run lasts."""

    id: int
    ref: RunRef
    created_by: str
    created_at: datetime
    labels: tuple[tuple[str, str], ...]

    @property
    def path(self) -> str:
        return run_path(self.ref)


def run_path(ref: RunRef) -> str:
    """The URL that the real client prints."""
    return f"{runs_path(ref.project, ref.domain)}/{ref.name}"


def runs_path(project: str, domain: str) -> str:
    return f"/v2/domain/{domain}/project/{project}/runs"


def get_run(ref: RunRef) -> RunHead:
    """One statement."""
    return _head(Run.objects.filter(project__name=ref.project, domain=ref.domain, name=ref.name), str(ref))


def get_run_by_id(run_id: int) -> RunHead:
    """One statement."""
    return _head(Run.objects.filter(id=run_id), str(run_id))


def _head(runs: object, what: str) -> RunHead:
    run = runs.select_related("project").defer("spec").first()  # type: ignore[attr-defined]
    if run is None:
        raise NotFound(f"run {what} does not exist")
    return RunHead(
        id=run.id,
        ref=RunRef(run.project.name, run.domain, run.name),
        created_by=run.created_by,
        created_at=run.created_at,
        labels=tuple(sorted((str(key), str(value)) for key, value in run.labels.items())),
    )


@dataclass(frozen=True, slots=True)
class RunRow:
    """A line of the list of runs."""

    id: int
    name: str
    path: str
    created_by: str
    created_at: datetime
    root: ActionRow
    duration: str


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some runs, newest first; next: the cursor of older ones, or empty."""

    rows: tuple[RunRow, ...]
    next: str


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def list_runs(project: str, domain: str, *, before: str = "") -> RunPage:
    """The newest runs, or those before the cursor. Two statements, on the indexes run_listing and action_identity."""
    runs = Run.objects.filter(project__name=project, domain=domain).defer("spec")
    if before:
        at, run_id = _read_cursor(before)
        runs = runs.filter(created_at__lte=at).exclude(created_at=at, id__gte=run_id)
    found = list(runs.order_by("-created_at", "-id")[: PAGE_SIZE + 1])
    page = found[:PAGE_SIZE]
    fields = Action.objects.filter(run__in=[run.id for run in page], name=ROOT).values_list(
        "run_id", *ROW_FIELDS
    )
    roots = {run_id: to_row(*rest) for run_id, *rest in fields}
    rows = tuple(_run_row(run, roots[run.id], runs_path(project, domain)) for run in page if run.id in roots)
    return RunPage(rows, _cursor(page[-1]) if len(found) > PAGE_SIZE else "")


def _run_row(run: Run, root: ActionRow, path: str) -> RunRow:
    duration = duration_words(between_ms(run.created_at, root.ended_at)) if root.ended_at else ""
    return RunRow(run.id, run.name, f"{path}/{run.name}", run.created_by, run.created_at, root, duration)


def _cursor(run: Run) -> str:
    return f"{(run.created_at - EPOCH) // MICROSECOND}-{run.id}"


def _read_cursor(cursor: str) -> tuple[datetime, int]:
    at, _, run_id = cursor.partition("-")
    try:
        return EPOCH + timedelta(microseconds=int(at)), int(run_id)
    except (ValueError, OverflowError):
        raise Invalid(f"the cursor {cursor[:80]!r} is not one of ours") from None


def list_projects() -> list[str]:
    """Names of the projects that are not archived. One statement."""
    return list(Project.objects.filter(is_archived=False).order_by("name").values_list("name", flat=True))
