"""Two runs, or two actions, side by side: what each was given, ran, had around it, and made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Avg, Count, F, FloatField, Func

from runs.domain.addresses.pages import action_path, run_path
from runs.domain.errors import Invalid, NotFound
from runs.domain.inputs.digests import show_digest
from runs.domain.names import ROOT, ActionRef, RunRef, label_of
from runs.domain.phases import LABELS, TERMINAL, Kind, Phase
from runs.domain.roles import Role, Subject, has_role
from runs.domain.specs import read_task_spec
from runs.domain.tasks.bundles import Bundle
from runs.domain.tasks.details import INTERNAL, shown_value
from runs.domain.texts import format_bytes
from runs.domain.timeline import between_ms, format_duration
from runs.domain.values.compared import write_compared
from runs.domain.values.differences import (
    Differences,
    FileDifference,
    Leaf,
    compare_files,
    differences,
    first_leaves,
    plain_leaves,
    text_of,
)
from runs.domain.values.parts import Kind as PartKind
from runs.domain.values.parts import Part
from runs.domain.values.trees import INPUTS, OUTPUTS
from runs.models import Action
from runs.queries.images import image_of
from runs.queries.tasks.code import read_archive
from runs.queries.values.files import find_file
from runs.queries.values.values import read_values
from runs.store import folders, storage

MAX_HASHED = 8_000_000  # bytes of a file that is read to compare it
MAX_STORED = 40  # files and folders of a side
MAX_ENTRIES = 200
MAX_TASKS = 100
MAX_SUGGESTED = 10
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Side:
    """What is compared. path: its page."""

    ref: ActionRef
    label: str
    task: str
    status: str
    status_label: str
    duration: str
    path: str
    action: Action

    @property
    def name(self) -> str:
        """The name of the run, and of the action if it is not the whole run."""
        return self.ref.run.name if self.ref.name == ROOT else f"{self.ref.run.name} {self.ref.name}"

    @property
    def place(self) -> str:
        return write_compared(self.ref)


@dataclass(frozen=True, slots=True)
class Tally:
    """The calls of a task on one side. phases: how many ended how; average: of those that have ended."""

    phases: str
    average: str


@dataclass(frozen=True, slots=True)
class TaskPair:
    """The calls of a task on both sides."""

    task: str
    a: Tally | None
    b: Tally | None

    @property
    def differs(self) -> bool:
        return (self.a.phases if self.a else "") != (self.b.phases if self.b else "")


@dataclass(frozen=True, slots=True)
class Code:
    """is_same: it is one bundle. problem: why the files cannot be compared."""

    files: tuple[FileDifference, ...] = ()
    is_same: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """first: what differs first, in words, and the part of the page that has it; "" when nothing does."""

    a: Side
    b: Side
    inputs: Differences
    code: Code
    environment: Differences
    outputs: Differences
    tasks: tuple[TaskPair, ...]

    @property
    def differing_tasks(self) -> int:
        return sum(one.differs for one in self.tasks)

    @property
    def first(self) -> tuple[str, str]:
        names = {
            "inputs": [pair.name for pair in self.inputs.pairs],
            "code": [file.name for file in self.code.files],
            "environment": [pair.name for pair in self.environment.pairs],
            "outputs": [pair.name for pair in self.outputs.pairs],
            "tasks": [pair.task for pair in self.tasks if pair.differs],
        }
        return next(((part, found[0]) for part, found in names.items() if found), ("", ""))


def get_side(ref: ActionRef, subject: Subject) -> Side:
    """One statement. Raises NotFound, also for what the reader may not read."""
    run = ref.run
    found = None
    if has_role(subject, Role.VIEWER, run.project):
        actions = Action.objects.select_related(
            "run__project", "spec", "pool__built_image__build_run__project"
        )
        found = actions.filter(
            run__project__name=run.project, run__domain=run.domain, run__name=run.name, name=ref.name
        ).first()
    if found is None:
        what = f"run {run.name!r}" if ref.name == ROOT else f"action {ref.name!r} of run {run.name!r}"
        raise NotFound(f"{what} does not exist in {run.project}/{run.domain}, or you may not read it")
    phase, began, ended = Phase(found.phase), found.started_at, found.ended_at
    return Side(
        ref=ref,
        label=label_of(found.short_name, found.task_name, found.name),
        task=found.task_name,
        status=phase.slug,
        status_label=LABELS[phase],
        duration=format_duration(between_ms(began, ended)) if began and ended else "",
        path=run_path(run) if ref.name == ROOT else action_path(ref),
        action=found,
    )


def compare(a: Side, b: Side, subject: Subject) -> Comparison:
    """Eight statements at most, of which two go over all actions of two whole runs."""
    return Comparison(
        a,
        b,
        inputs=_values(a, b, INPUTS, subject),
        code=_code(a, b),
        environment=differences(_environment(a.action), _environment(b.action)),
        outputs=_values(a, b, OUTPUTS, subject),
        tasks=_tasks(a.action, b.action),
    )


# --- values -----------------------------------------------------------------------------------------------------


def _values(a: Side, b: Side, side: str, subject: Subject) -> Differences:
    """Two statements."""
    (one, is_cut), (other, is_other_cut) = _leaves(a, side, subject), _leaves(b, side, subject)
    return differences(one, other, is_cut=is_cut or is_other_cut)


def _leaves(of: Side, side: str, subject: Subject) -> tuple[dict[str, Leaf], bool]:
    values = read_values(of.action.run_id, of.ref.name, side)
    parts, is_cut = first_leaves(values.parts or {})
    left = MAX_STORED
    found: dict[str, Leaf] = {}
    for name, part in parts.items():
        if part.uri:
            found[name] = _stored(part, subject) if left > 0 else Leaf(part.uri, part.uri)
            left -= 1
        else:
            found[name] = Leaf(f"{part.kind} {part.text or part.size}", text_of(part))
    return found, is_cut


def _stored(part: Part, subject: Subject) -> Leaf:
    """What is at an address is compared, and not the address, which has the name of the run in it."""
    name = part.uri.rstrip("/").rpartition("/")[2]
    try:
        if part.kind is PartKind.DIR:
            return _folder(part, name, subject)
        stored = find_file(part, subject)
        key = _hash(stored.uri) if stored.size <= MAX_HASHED else stored.uri
        return Leaf(f"{stored.size} {key}", f"{stored.name}, {format_bytes(stored.size)}")
    except (Invalid, NotFound, OSError):
        return Leaf(part.uri, part.uri)


def _folder(part: Part, name: str, subject: Subject) -> Leaf:
    if not has_role(subject, Role.VIEWER, folders.project_of(part.uri)):
        return Leaf(part.uri, part.uri)
    entries = folders.list_files(part.uri, most=MAX_ENTRIES) or []
    listed = "\n".join(f"{one.name} {one.size}" for one in entries)
    return Leaf(listed, f"{name}, {len(entries)} files, {format_bytes(sum(one.size for one in entries))}")


def _hash(uri: str) -> str:
    file = storage.open_file(uri)
    if file is None:
        raise NotFound("the file is gone")
    with file:
        return hashlib.sha256(file.read(MAX_HASHED)).hexdigest()


# --- code and environment ---------------------------------------------------------------------------------------


def _bundle(side: Side) -> str:
    return read_task_spec(bytes(side.action.spec.spec)).bundle_uri if side.action.spec else ""


def _code(a: Side, b: Side) -> Code:
    """Two statements."""
    if (bundle := _bundle(a)) == _bundle(b):
        return Code(is_same=bool(bundle), problem="" if bundle else "Neither has code that was sent with it.")
    try:
        files = compare_files(_files(a), _files(b))
    except (Invalid, NotFound) as error:
        return Code(problem=f"{error.message[:1].upper()}{error.message[1:]}.")
    return Code(tuple(files), is_same=not files)


def _files(side: Side) -> dict[str, str | None]:
    _, archive = read_archive(side.action.run_id, side.ref.name)
    return Bundle(archive).read_texts()


def _environment(action: Action) -> dict[str, Leaf]:
    """Image, versions, variables, which are compared by their values also where these are not shown. No statement."""
    found: dict[str, str] = {}
    variables: dict[str, str] = {}
    if action.spec is not None:
        facts = read_task_spec(bytes(action.spec.spec))
        found |= {"task": facts.name, "version": facts.version, "image": facts.image}
        variables |= facts.env
    image = image_of(action.pool) if action.pool else None
    if image is not None and image.python:
        found |= {"Python": image.python, "flyte": image.flyte}
    run = action.run
    variables |= run.envs
    labels = {f"label {name}": str(value) for name, value in sorted(run.labels.items())}
    return (
        plain_leaves({name: value for name, value in found.items() if value})
        | {
            f"variable {name}": Leaf(str(value), shown_value(name, str(value)))
            for name, value in sorted(variables.items())
            if value and not name.startswith(INTERNAL)
        }
        | plain_leaves({name: value for name, value in labels.items() if value})
    )


# --- phases and durations ---------------------------------------------------------------------------------------


def _tasks(a: Action, b: Action) -> tuple[TaskPair, ...]:
    """Of two whole runs all their actions by task, else what each action has called. Two statements."""
    one, other = tally_calls(a), tally_calls(b)
    return tuple(
        TaskPair(task, one.get(task), other.get(task)) for task in list({**one, **other})[:MAX_TASKS]
    )


def tally_calls(action: Action) -> dict[str, Tally]:
    """One statement."""
    which = {"run_id": action.run_id} if action.parent_id is None else {"parent_id": action.pk}
    calls = Action.objects.filter(**which, kind=Kind.TASK).order_by("task_name", "phase")
    took = Avg(_Days(F("ended_at")) - _Days(F("started_at")))
    found: dict[str, list[tuple[Phase, int, float | None]]] = {}
    for task, phase, number, days in calls.values_list("task_name", "phase").annotate(
        number=Count("pk"), days=took
    ):
        found.setdefault(task, []).append((Phase(phase), number, None if days is None else float(days)))
    return {task: Tally(", ".join(_phases(each)), _average(each)) for task, each in found.items()}


class _Days(Func):
    """A moment as a number of days. Unlike the difference of two moments, SQLite computes it without Django's Python."""

    function = "JULIANDAY"
    output_field = FloatField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="EXTRACT(EPOCH FROM %(expressions)s) / 86400.0", **context
        )


def _phases(rows: list[tuple[Phase, int, float | None]]) -> Iterator[str]:
    return (f"{count:,} {LABELS[phase].lower()}" for phase, count, _ in rows)


def _average(rows: list[tuple[Phase, int, float | None]]) -> str:
    """rows: with the average of each phase in days."""
    ended = [(count, days) for phase, count, days in rows if phase in TERMINAL and days is not None]
    if not (total := sum(count for count, _ in ended)):
        return ""
    return format_duration(round(sum(count * days for count, days in ended) / total * _DAY_MS))


# --- with what --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something that one may want to compare with. words: what it is to the other side."""

    ref: ActionRef
    words: str
    label: str
    which: str
    status: str


def suggest(side: Side) -> tuple[Suggestion, ...]:
    """Its source, the last runs of its task, its siblings. Three statements."""
    return (*_runs(side), *_siblings(side))


def _runs(side: Side) -> Iterator[Suggestion]:
    action, run = side.action, side.action.run
    if action.parent_id is not None:
        return
    roots = Action.objects.filter(
        parent=None, run__project_id=run.project_id, run__domain=run.domain
    ).select_related("run")
    source = run.related_to_id if run.relation in {"rerun", "recover"} else None
    for one in roots.filter(run_id=source) if source else ():
        yield _suggestion(side, one, "Its source")
    others = roots.filter(task_name=action.task_name).exclude(run_id__in=[run.pk, source or run.pk])
    for one in others.order_by("-created_at", "-id")[:MAX_SUGGESTED]:
        yield _suggestion(side, one, "A run of its task")


def _siblings(side: Side) -> Iterator[Suggestion]:
    action = side.action
    if action.parent_id is None:
        return
    same = Action.objects.filter(parent_id=action.parent_id, task_name=action.task_name).exclude(pk=action.pk)
    for one in same.select_related("run").order_by("pk")[:MAX_SUGGESTED]:
        yield _suggestion(side, one, "A call of its task")


def _suggestion(side: Side, action: Action, words: str) -> Suggestion:
    ref = ActionRef(RunRef(side.ref.run.project, side.ref.run.domain, action.run.name), action.name)
    name = action.run.name if action.name == ROOT else action.name
    label = label_of(action.short_name, action.task_name, name)
    return Suggestion(
        ref, words, f"{label} {name}", show_digest(action.input_digest), Phase(action.phase).slug
    )
