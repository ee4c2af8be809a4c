"""Many rows in one statement. Django's model objects and bulk_create cost more than the database does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
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


def plain(value: Any) -> Any:
    """A value as the database driver takes it."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, Phase):
        return int(value)
    if isinstance(value, UUID) and not connection.features.has_native_uuid_field:
        return value.hex
    return value


def chunks(items: list[Any]) -> Iterator[list[Any]]:
    """The items in pieces that fit into one statement."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
