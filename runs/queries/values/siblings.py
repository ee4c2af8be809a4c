"""The children of an action that call one task, as a table: inputs from their digests, outputs from their files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, QuerySet
from django.utils import timezone

from runs.domain.addresses.storage import is_local
from runs.domain.caches import cached
from runs.domain.errors import Invalid, NotFound
from runs.domain.inputs.conditions import read_search
from runs.domain.inputs.digests import Simple, read_digest
from runs.domain.phases import LIVE, Kind, Phase
from runs.domain.timeline import between_ms, format_duration, to_ms
from runs.domain.values import grids
from runs.domain.values.grids import INPUT, OUTPUT, Line, Order
from runs.domain.values.trees import OUTPUTS, read_parts
from runs.models import Action
from runs.queries.rows import ActionRow, get_rows, told_apart
from runs.queries.values.values import read_file, values_uri

MOST = 2000  # siblings that are looked at
PER_PAGE = 100
MOST_PICKED = 500  # their names must fit into one URL
MAX_FILE = 256 * 1024  # bytes of the outputs of one
_AT_ONCE = 16  # files of an object store
_WITH_OUTPUTS = frozenset({Phase.SUCCEEDED, Phase.RECOVERED})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which siblings: the children of `parent` that call `task`, in `group` if that is not "". task: "" is the one that is called most.

    text: a filter, as that of a run's page, which compares outputs, too (`loss<0.5` also of an output `o0.loss`), and the phase.
    """

    parent: str
    task: str = ""
    group: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """A column. sort: the order that a click asks for; sorted: ascending | descending | ""."""

    key: str
    label: str
    kind: str
    sort: str
    sorted: str


@dataclass(frozen=True, slots=True)
class Row:
    """cells: texts, one for each column of inputs and outputs, as `headers` has them. duration: "" of what runs still."""

    action: ActionRow
    cells: tuple[str, ...]
    duration: str

    @property
    def can_abort(self) -> bool:
        return not (self.action.is_terminal or self.action.is_aborting)

    @property
    def title(self) -> str:
        return f"{self.action.label} {self.action.inputs or self.action.name}"


@dataclass(frozen=True, slots=True)
class Siblings:
    """total: how many there are, of which MOST were looked at; matched: of these, how many match; same: inputs that all of them have, with their values.

    ids: of those on this page; live: names of all that match and can be aborted, at most MOST_PICKED.
    """

    wanted: Wanted
    task: str
    tasks: tuple[tuple[str, int], ...]
    headers: tuple[Header, ...]
    rows: tuple[Row, ...]
    same: tuple[tuple[str, str], ...]
    total: int
    matched: int
    page: int
    pages: int
    ids: tuple[int, ...]
    live: tuple[str, ...]

    @property
    def left_out(self) -> int:
        return max(0, self.total - MOST)


def list_siblings(
    run_id: int, wanted: Wanted, order: Order, page: int = 1, *, ids: Sequence[int] | None = None
) -> Siblings:
    """Four statements, for a page of them; reads the outputs that are on it, of an order or a filter by an output those of all.

    ids: what is shown, in this order, whatever the page. Raises NotFound.
    """
    parent, children = _children(run_id, wanted)
    tasks = _tasks(children)
    task = wanted.task or (tasks[0][0] if tasks else "")
    total = dict(tasks).get(task, 0)
    if not total:
        raise NotFound(f"action {parent.name!r} has no children that call {task[:200]!r}")
    lines, uris, live = _lines(children.filter(task_name=task))
    search = read_search(wanted.text)
    if order.key.startswith(OUTPUT) or grids.compares_outputs(search, lines):
        lines = _with_outputs(lines, uris)
    ordered = grids.sort_lines([line for line in lines if grids.matches(line, search)], order)
    pages = max(1, (len(ordered) + PER_PAGE - 1) // PER_PAGE)
    page = max(1, min(page, pages))
    shown = ordered[(page - 1) * PER_PAGE : page * PER_PAGE]
    if ids is not None:
        by_id = {line.id: line for line in lines}
        shown = [by_id[one] for one in ids if one in by_id]
    shown = _with_outputs(shown, uris)
    inputs = grids.columns_of(lines, INPUT)
    same = [key for key in inputs if len(lines) > 1 and grids.constant(lines, key)]
    columns = [key for key in inputs if key not in same] + grids.columns_of(shown, OUTPUT)
    return Siblings(
        wanted=wanted,
        task=task,
        tasks=tasks,
        headers=tuple(_header(key, order) for key in columns),
        rows=_rows(shown, columns, parent),
        same=tuple((key[len(INPUT) :], grids.text_of(lines[0].value(key))) for key in same),
        total=total,
        matched=len(ordered),
        page=page,
        pages=pages,
        ids=tuple(line.id for line in shown),
        live=tuple(line.name for line in ordered if line.id in live)[:MOST_PICKED],
    )


def read_table(run_id: int, wanted: Wanted, order: Order) -> tuple[list[str], Iterable[list[Simple]]]:
    """Header and rows for a file: those that match of the first MOST siblings, with all their inputs and outputs. Four statements."""
    parent, children = _children(run_id, wanted)
    task = wanted.task or next((name for name, _ in _tasks(children)), "")
    lines, uris, _ = _lines(children.filter(task_name=task))
    if not lines:
        raise NotFound(f"action {parent.name!r} has no children that call {task[:200]!r}")
    search = read_search(wanted.text)
    found = [line for line in _with_outputs(lines, uris) if grids.matches(line, search)]
    lines = grids.sort_lines(found, order)
    columns = grids.columns_of(lines, INPUT) + grids.columns_of(lines, OUTPUT)
    header = ["action", *(key.partition(".")[2] for key in columns), "phase", "seconds", "started"]
    return header, (_record(line, columns) for line in lines)


def _record(line: Line, columns: Sequence[str]) -> list[Simple]:
    seconds = None if line.duration is None else line.duration / 1000
    started = "" if line.started is None else datetime.fromtimestamp(line.started / 1000, tz=UTC).isoformat()
    return [line.name, *(line.value(key) for key in columns), Phase(line.order).label, seconds, started]


def _children(run_id: int, wanted: Wanted) -> tuple[Action, QuerySet[Action]]:
    parent = Action.objects.filter(run_id=run_id, name=wanted.parent).only("name", "child_inputs").first()
    if parent is None:
        raise NotFound(f"action {wanted.parent[:80]!r} does not exist in this run")
    children = Action.objects.filter(parent_id=parent.pk, kind=Kind.TASK)
    return parent, children.filter(group=wanted.group) if wanted.group else children


def _tasks(children: QuerySet[Action]) -> tuple[tuple[str, int], ...]:
    """The tasks that they call, with how often, the most frequent first. One statement."""
    counted = children.values("task_name").annotate(number=Count("pk")).order_by("-number", "task_name")
    return tuple((one["task_name"], one["number"]) for one in counted)


def _lines(children: QuerySet[Action]) -> tuple[list[Line], dict[int, str], set[int]]:
    """The first MOST of them, where their outputs are, and which of them can be aborted. One statement."""
    columns = ("pk", "name", "input_digest", "phase", "started_at", "ended_at", "output_uri", "abort_id")
    now, lines = timezone.now(), []
    uris: dict[int, str] = {}
    live: set[int] = set()
    rows = children.order_by("pk").values_list(*columns)[:MOST]
    for pk, name, digest, phase, began, ended, uri, abort in rows:
        if phase in LIVE and abort is None:
            live.add(pk)
        duration = between_ms(began, ended or now) if began else None
        started = to_ms(began) if began else None
        lines.append(Line(pk, name, read_digest(digest), {}, phase, duration, started))
        if phase in _WITH_OUTPUTS and uri:
            uris[pk] = values_uri(Kind.TASK, "", uri, OUTPUTS)
    return lines, uris, live


def _with_outputs(lines: Sequence[Line], uris: Mapping[int, str]) -> list[Line]:
    """The lines with their outputs, which are read: of an object store several at a time. No statement."""
    wanted = [line for line in lines if line.id in uris and not line.outputs]
    places = [uris[line.id] for line in wanted]
    if is_local(settings.STORAGE_URL):
        read: Iterable[Mapping[str, Simple]] = map(_outputs, places)
    else:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            read = list(pool.map(_outputs, places))
    found = dict(zip((line.id for line in wanted), read, strict=True))
    return [grids.with_outputs(line, found[line.id]) if line.id in found else line for line in lines]


# What an attempt has written does not change: its address has its number. What is not there may come.
@cached(16 * 1024**2, size=lambda uri: 2048 + len(uri))
def _known_outputs(uri: str) -> Mapping[str, Simple]:
    content, _ = read_file(uri)
    if content is None:
        raise Invalid("no outputs")
    return grids.simple_outputs(read_parts(content, OUTPUTS, {})) if len(content) <= MAX_FILE else {}


def _outputs(uri: str) -> Mapping[str, Simple]:
    try:
        return _known_outputs(uri)
    except (Invalid, OSError):
        return {}


def _header(key: str, order: Order) -> Header:
    kind, _, label = key.partition(".")
    return Header(key, label, "input" if kind == "in" else "output", order.of(key), _direction(key, order))


def _direction(key: str, order: Order) -> str:
    if key != order.key:
        return ""
    return "descending" if order.descends else "ascending"


def _rows(lines: Sequence[Line], columns: Sequence[str], parent: Action) -> tuple[Row, ...]:
    rows: dict[int, Any] = get_rows([line.id for line in lines] + [parent.pk])
    return tuple(
        Row(
            action=told_apart(rows[line.id], rows),
            cells=tuple(_cell(line, key) for key in columns),
            duration=format_duration(line.duration)
            if line.duration is not None and rows[line.id].is_terminal
            else "",
        )
        for line in lines
        if line.id in rows
    )


def _cell(line: Line, key: str) -> str:
    name = key.partition(".")[2]
    return grids.text_of(
        line.value(key), is_known=name in (line.inputs if key.startswith(INPUT) else line.outputs)
    )


def fixed_headers(order: Order) -> dict[str, Header]:
    """The columns that every table has."""
    labels = {grids.PHASE: "Phase", grids.DURATION: "Duration", grids.STARTED: "Started"}
    return {
        key: Header(key, label, "", order.of(key), _direction(key, order)) for key, label in labels.items()
    }
