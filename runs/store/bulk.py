"""Many rows in one statement. Django's model objects and bulk_create cost more than the database does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

from django.db import connection

from runs.domain.phases import Phase

CHUNK = 900  # SQLite: below the smallest limit of parameters in one statement


def insert(table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows in one prepared statement."""
    if rows:
        names = ", ".join(connection.ops.quote_name(column) for column in columns)
        sql = f"INSERT INTO {table} ({names}) VALUES ({', '.join(['%s'] * len(columns))})"  # noqa: S608
        with connection.cursor() as cursor:
            cursor.executemany(sql, rows)


def select(sql: str, values: Sequence[Any], *more: Any) -> list[tuple[Any, ...]]:
    """The rows of a statement that has one {} for a list of `values`, at most CHUNK at a time, before its other parameters.

    As the driver returns them: for what is read all the time, because a query set takes longer than the database.
    """
    found: list[tuple[Any, ...]] = []
    for chunk in chunks(list(values)):
        with connection.cursor() as cursor:
            cursor.execute(sql.format(", ".join(["%s"] * len(chunk))), [*chunk, *more])
            found += cursor.fetchall()
    return found


def instant_of(value: datetime) -> datetime:
    """A moment as the driver returns it: that of SQLite does not know of zones, and what is stored there is in UTC."""
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def plain(value: Any) -> Any:
    """A value as the database driver takes it."""
    adapt = _adapters(connection.vendor == "sqlite").get(type(value))
    return value if adapt is None else adapt(value)


def plain_row(values: Iterable[Any]) -> list[Any]:
    """The same of each value of a row: there are millions, and to ask the connection for its kind takes longer than the rest."""
    adapters = _adapters(connection.vendor == "sqlite")
    return [value if (adapt := adapters.get(type(value))) is None else adapt(value) for value in values]


@cache
def _adapters(is_sqlite: bool) -> dict[type, Callable[[Any], Any]]:
    """How the values of a type are changed. PostgreSQL's driver takes instants and UUIDs as they are."""
    return {Phase: int} | ({datetime: _instant, UUID: lambda value: value.hex} if is_sqlite else {})


@lru_cache(maxsize=1024)  # one instant is written many times
def _instant(value: datetime) -> str:
    """As Django writes it for SQLite."""
    return str(value.astimezone(UTC).replace(tzinfo=None))


def chunks(items: list[Any]) -> Iterator[list[Any]]:
    """The items in pieces that fit into one statement."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
