"""Filters, order and paging of the API's lists: what a client may ask for, as composable QuerySet filters.

A field that is not in the table is refused by name, so that a typing error never lists everything.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar

from django.db.models import F, Model, Q, QuerySet, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce

from runs.domain.errors import Invalid
from runs.domain.phases import Kind, Phase
from runs.queries.api import LEAN, ActionView, check_project, joined, view

M = TypeVar("M", bound=Model)
DEFAULT_LIMIT = 50
MAX_LIMIT = 1000


class Test(Enum):
    """How a field is compared. The value is Flyte's Filter.Function number."""

    __test__ = False  # pytest would collect it
    EQUAL = 0
    NOT_EQUAL = 1
    GREATER_THAN = 2
    GREATER_THAN_OR_EQUAL = 3
    LESS_THAN = 4
    LESS_THAN_OR_EQUAL = 5
    CONTAINS = 6
    VALUE_IN = 7
    VALUE_NOT_IN = 9
    ENDS_WITH = 12
    NOT_ENDS_WITH = 13
    CONTAINS_CASE_INSENSITIVE = 14
    EXISTS = 15
    NOT_EXISTS = 16


_LOOKUPS = {
    Test.EQUAL: "exact",
    Test.NOT_EQUAL: "exact",
    Test.GREATER_THAN: "gt",
    Test.GREATER_THAN_OR_EQUAL: "gte",
    Test.LESS_THAN: "lt",
    Test.LESS_THAN_OR_EQUAL: "lte",
    Test.CONTAINS: "contains",
    Test.VALUE_IN: "in",
    Test.VALUE_NOT_IN: "in",
    Test.ENDS_WITH: "endswith",
    Test.NOT_ENDS_WITH: "endswith",
    Test.CONTAINS_CASE_INSENSITIVE: "icontains",
}
_NEGATED = {Test.NOT_EQUAL, Test.VALUE_NOT_IN, Test.NOT_ENDS_WITH, Test.NOT_EXISTS}
_MANY = {Test.VALUE_IN, Test.VALUE_NOT_IN}


@dataclass(frozen=True, slots=True)
class Condition:
    """One filter of a list request."""

    field: str
    test: Test
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What part of a list is asked for, and in which order. sort: (field, descending)."""

    conditions: tuple[Condition, ...] = ()
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    sort: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class ActionPage:
    """Some actions, and the offset of the next ones, if there are any."""

    actions: tuple[ActionView, ...]
    next_offset: int | None


def _number(kind: type[Phase | Kind]) -> Callable[[str], object]:
    def read(value: str) -> int:
        try:
            return int(kind(int(value)))
        except ValueError as error:
            raise Invalid(f"{value!r} is not the number of a {kind.__name__.lower()}") from error

    return read


def read_moment(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise Invalid(f"{value!r} is not a time in ISO 8601") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Fields = Mapping[str, tuple[str, Callable[[str], object]]]
ACTION_FIELDS: Fields = {
    "name": ("name", str),
    "phase": ("phase", _number(Phase)),
    "parent_name": ("parent__name", str),
    "action_type": ("kind", _number(Kind)),
    "group": ("group", str),
    "task_name": ("task_name", str),
    "short_name": ("short_name", str),
    "task_version": ("spec__version", str),
    "environment_name": ("spec__environment", str),
    "created_at": ("created_at", read_moment),
    "updated_at": ("updated_at", read_moment),
    "started_at": ("started_at", read_moment),
    "ended_at": ("ended_at", read_moment),
}
RUN_FIELDS: Fields = {
    **ACTION_FIELDS,
    "name": ("run__name", str),
    "created_by": ("run__created_by", str),
}


def apply(rows: QuerySet[M], fields: Fields, conditions: Sequence[Condition]) -> QuerySet[M]:
    """Narrow the rows by each condition; raises Invalid for a field or a value that means nothing."""
    for number, condition in enumerate(conditions):
        if condition.field.startswith("labels.") and fields is RUN_FIELDS:
            rows = _by_label(rows, condition, alias=f"label_{number}")
            continue
        column, read = _column(fields, condition.field)
        rows = _narrow(rows, condition, column, read)
    return rows


def _column(fields: Fields, name: str) -> tuple[str, Callable[[str], object]]:
    if name not in fields:
        raise Invalid(f"there is no field {name!r} to filter or sort by, only {', '.join(sorted(fields))}")
    return fields[name]


def _narrow(
    rows: QuerySet[M], condition: Condition, column: str, read: Callable[[str], object]
) -> QuerySet[M]:
    if condition.test in {Test.EXISTS, Test.NOT_EXISTS}:
        raise Invalid(f"{condition.test.name} is for labels, not for {condition.field!r}")
    value: Any
    if condition.test in _MANY:
        value = [read(one) for one in condition.values]
    else:
        # The client sends a single phase as a string, which a repeated field splits into characters.
        if not condition.values:
            raise Invalid(f"the filter on {condition.field!r} has no value")
        value = read("".join(condition.values))
    test = Q(**{f"{column}__{_LOOKUPS[condition.test]}": value})
    return rows.filter(~test if condition.test in _NEGATED else test)


def _by_label(rows: QuerySet[M], condition: Condition, *, alias: str) -> QuerySet[M]:
    key = condition.field.removeprefix("labels.")
    if condition.test in {Test.EXISTS, Test.NOT_EXISTS}:
        test = Q(run__labels__has_key=key)
        return rows.filter(~test if condition.test in _NEGATED else test)
    # A transform object takes any key as it is, where a keyword argument would split it at "__"; the cast makes a
    # text of it, because lookups on the transform itself want JSON on their right side.
    text = Cast(KeyTextTransform(key, "run__labels"), TextField())
    return _narrow(rows.alias(**{alias: text}), condition, alias, str)


def order(rows: QuerySet[M], fields: Fields, sort: Sequence[tuple[str, bool]]) -> QuerySet[M]:
    """Order as asked (oldest first when nothing is), the id last, so that pages do not overlap."""
    asked = sort or (("created_at", False),)
    columns = [(_column(fields, name)[0], descending) for name, descending in asked]
    columns.append(("pk", columns[0][1]))
    return rows.order_by(*(F(name).desc() if descending else F(name).asc() for name, descending in columns))


def _page(rows: QuerySet[Any], fields: Fields, query: ListQuery) -> ActionPage:
    rows = rows.alias(updated_at=Coalesce("ended_at", "started_at", "created_at"))
    rows = order(apply(rows, fields, query.conditions), fields, query.sort)
    found = list(rows[query.offset : query.offset + query.limit + 1])
    more = len(found) > query.limit
    actions = tuple(view(row) for row in found[: query.limit])
    return ActionPage(actions, query.offset + query.limit if more else None)


def list_runs(
    project: str,
    domain: str,
    query: ListQuery,
    *,
    domains: Sequence[str],
    paused_only: bool = False,
    projects: Collection[str] | None = None,
) -> ActionPage:
    """Root actions. An empty project means all of them, or these projects. Two statements at most."""
    rows = joined().defer(*LEAN).filter(parent__isnull=True)
    if project:
        check_project(project, domain, domains)
        rows = rows.filter(run__project__name=project, run__domain=domain)
    if projects is not None:
        rows = rows.filter(run__project__name__in=projects)
    if paused_only:
        rows = rows.filter(run__actions__phase=Phase.PAUSED).distinct()
    return _page(rows, RUN_FIELDS, query)


def list_actions(run_id: int, query: ListQuery) -> ActionPage:
    """Actions of a run. One statement."""
    rows = joined().defer(*LEAN).filter(run_id=run_id)
    return _page(rows, ACTION_FIELDS, query)
