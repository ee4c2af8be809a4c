"""The whole database as files, as it was at one moment, and back. A server may go on writing meanwhile.

SQLite: one file, by its own backup. PostgreSQL: a file for each table, by COPY in one snapshot; its own tools need not be
installed, and the schema comes from the migrations.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from runs.domain.errors import Conflict

SQLITE_FILE = "flyteui.sqlite3"
_MIGRATIONS = "django_migrations"
_PIECE = 1024**2


def dump(folder: Path) -> dict[str, int]:
    """Write the database into this folder, which is there and empty; returns the rows of each table."""
    if connection.vendor == "sqlite":
        return dump_sqlite(Path(connection.settings_dict["NAME"]), folder / SQLITE_FILE)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return {table: _copy_out(cursor, table, folder / f"{table}.copy") for table in list_tables()}


def dump_sqlite(source: Path, target: Path) -> dict[str, int]:
    """Copy a SQLite database in one read transaction; in WAL mode no writer waits for it."""
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(target)) as copy,
    ):
        live.backup(copy)
        # Without it the copy would come with files of its own beside it.
        copy.execute("PRAGMA journal_mode=DELETE")
        (state,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if state != "ok":
            raise Conflict(f"the database {source} is damaged ({state}); its copy would be, too")
        tables = [name for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: copy.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]  # noqa: S608 -- its own names
            for table in sorted(tables)
            if not table.startswith("sqlite_")
        }


def list_tables() -> list[str]:
    """The tables of all applications, but for the list of migrations."""
    models = apps.get_models(include_auto_created=True)
    return sorted({model._meta.db_table for model in models if model._meta.managed})


def _copy_out(cursor: Any, table: str, file: Path) -> int:
    # The columns by name: their order depends on the history of the table.
    columns = ", ".join(map(connection.ops.quote_name, list_columns(cursor, table)))
    statement = f"COPY {connection.ops.quote_name(table)} ({columns}) TO STDOUT"
    with file.open("wb") as out, cursor.copy(statement) as rows:
        out.write(f"{columns}\n".encode())
        for piece in rows:
            out.write(piece)
    return int(cursor.rowcount)


def list_columns(cursor: Any, table: str) -> list[str]:
    return sorted(column.name for column in connection.introspection.get_table_description(cursor, table))


def is_empty() -> bool:
    """Whether the database holds nothing that a restore would replace."""
    if connection.vendor == "sqlite":
        return not Path(connection.settings_dict["NAME"]).exists()
    with connection.cursor() as cursor:
        return not connection.introspection.table_names(cursor)


def clear() -> None:
    """Remove the database again, when it could not be loaded: the file, or all tables."""
    if connection.vendor == "sqlite":
        connection.close()
        name = connection.settings_dict["NAME"]
        for file in (name, f"{name}-wal", f"{name}-shm"):
            Path(file).unlink(missing_ok=True)
        return
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"DROP TABLE {connection.ops.quote_name(table)} CASCADE")


def load(folder: Path, migrations: list[str]) -> None:
    """Put what `dump` wrote into the empty database. migrations: app.name, those that it had."""
    if connection.vendor == "sqlite":
        connection.close()
        target = Path(connection.settings_dict["NAME"])
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / SQLITE_FILE, target)
        return
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes()
    had = set(migrations)
    plan = [
        (migration, False)
        for migration, _ in executor.migration_plan(leaves, clean_start=True)
        if f"{migration.app_label}.{migration.name}" in had
    ]
    executor.migrate(leaves, plan)
    files = sorted(folder.glob("*.copy"))
    quoted = [connection.ops.quote_name(file.stem) for file in files]
    with transaction.atomic(), connection.cursor() as cursor:
        # Some migrations make rows.
        cursor.execute(f"TRUNCATE {', '.join(quoted)}")
        for table, file in zip(quoted, files, strict=True):
            _copy_in(cursor, table, file)
        for statement in connection.ops.sequence_reset_sql(
            no_style(), apps.get_models(include_auto_created=True)
        ):
            cursor.execute(statement)


def _copy_in(cursor: Any, table: str, file: Path) -> None:
    with file.open("rb") as content:
        columns = content.readline().decode().strip()
        with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as rows:
            for piece in _pieces(content):
                rows.write(piece)


def _pieces(content: Any) -> Iterator[bytes]:
    while piece := content.read(_PIECE):
        yield piece
