"""What the pages show of runs and their trees; the panel of one action is in panels.py.

Everything is a frozen dataclass that templates need no logic for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from runs.errors import Invalid, NotFound
from runs.models import Action, Project, Run
from runs.names import ROOT, RunRef
from runs.phases import HELD, TERMINAL, Cause, Kind, Phase
from runs.timeline import between_ms, duration_words

PAGE_SIZE = 50
MAX_ERROR = 200


@dataclass(frozen=True, slots=True)
class AbortMark:
    """That an action was asked to stop: by whom, why and when."""

    actor: str
    cause: Cause
    requested_at: datetime

    @property
    def by(self) -> str:
        """What follows the word Aborted: `by ann`, or the cause when no person asked."""
        return f"by {self.actor}" if self.cause is Cause.EXTERNAL_ABORT else f"· {self.cause}"


@dataclass(frozen=True, slots=True)
class ActionRow:
    """What a row of the tree is made of. Equal rows look equal, so that their HTML can be kept."""

    id: int
    name: str
    parent_id: int | None
    kind: Kind
    phase: Phase
    label: str
    group: str
    attempt: int
    max_attempts: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    error: str
    abort: AbortMark | None
    changed_seq: int

    @property
    def is_terminal(self) -> bool:
        return self.phase in TERMINAL

    @property
    def is_aborting(self) -> bool:
        return self.abort is not None and not self.is_terminal

    @property
    def look(self) -> str:
        """The slug that picks icon and colour."""
        return "aborting" if self.is_aborting else self.phase.slug

    @property
    def word(self) -> str:
        return "Aborting" if self.is_aborting else self.phase.label


ROW_FIELDS = (
    "id",
    "name",
    "parent_id",
    "kind",
    "phase",
    "short_name",
    "task_name",
    "group",
    "attempt",
    "max_attempts",
    "created_at",
    "started_at",
    "ended_at",
    "error_code",
    "error_message",
    "abort__actor",
    "abort__cause",
    "abort__requested_at",
    "changed_seq",
)


def list_changed_rows(run_id: int, *, since: int) -> list[ActionRow]:
    """Rows that changed after the sequence number, by id. Every row is in it for since=-1.

    Numbers are taken under the lock of the run's row, so their order is that of the commits and none is missed.
    One statement, on the index action_changes.
    """
    found = (
        Action.objects.filter(run_id=run_id, changed_seq__gt=since).order_by("id").values_list(*ROW_FIELDS)
    )
    return [_row(*fields) for fields in found.iterator(chunk_size=5000)]


def _row(  # noqa: PLR0913, PLR0917  # one parameter for each of ROW_FIELDS, in their order
    id_: int,
    name: str,
    parent_id: int | None,
    kind: int,
    phase: int,
    short_name: str,
    task_name: str,
    group: str,
    attempt: int,
    max_attempts: int,
    created_at: datetime,
    started_at: datetime | None,
    ended_at: datetime | None,
    error_code: str,
    error_message: str,
    actor: str | None,
    cause: str | None,
    requested_at: datetime | None,
    changed_seq: int,
) -> ActionRow:
    return ActionRow(
        id=id_,
        name=name,
        parent_id=parent_id,
        kind=Kind(kind),
        phase=Phase(phase),
        label=short_name or task_name.rpartition(".")[2] or name,
        group=group,
        attempt=attempt,
        max_attempts=max_attempts,
        created_at=created_at,
        started_at=started_at,
        ended_at=ended_at,
        error=error_line(error_code, error_message),
        abort=AbortMark(actor or "", Cause(cause), requested_at) if cause and requested_at else None,
        changed_seq=changed_seq,
    )


def error_line(code: str, message: str) -> str:
    """The error in one line: its code and the message's last line, which is where tracebacks say what happened."""
    lines = message.strip().splitlines()
    last = lines[-1].strip() if lines else ""
    if code and last and not last.startswith(code):
        last = f"{code}: {last}"
    return (last or code)[:MAX_ERROR]


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
    roots = {run_id: _row(*rest) for run_id, *rest in fields}
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


@dataclass(frozen=True, slots=True)
class AbortPreview:
    """What an abort would stop: the action and everything below it."""

    label: str
    name: str
    is_whole_run: bool
    phase: Phase
    asked: AbortMark | None
    running: int
    waiting: int

    @property
    def is_terminal(self) -> bool:
        return self.phase in TERMINAL


def count_live(rows: list[ActionRow]) -> tuple[int, int]:
    """How many of the rows an executor holds, and how many wait, leaving out what was asked to stop already."""
    live = [row for row in rows if not row.is_terminal and row.abort is None]
    running = sum(row.phase in HELD for row in live)
    return running, len(live) - running
