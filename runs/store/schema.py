"""Which migrations the database has, and whether this version knows them.

A version that meets a newer database would read columns that mean something else, so it refuses before it touches anything.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from runs.domain.errors import Conflict

NAMED = 5  # how many migrations a message lists


def list_applied() -> list[str]:
    """The migrations of the database, as app.name, in order; none of an empty database."""
    return _written(MigrationRecorder(connection).applied_migrations())


def list_missing() -> list[str]:
    """The migrations that this version has and the database has not."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def find_unknown(applied: Iterable[str]) -> list[str]:
    """Of these migrations, those that this version has not."""
    return sorted(set(applied) - set(_written(MigrationLoader(None).disk_migrations)))


def check_not_newer() -> None:
    """Raise Conflict when a newer version has migrated the database. It only reads."""
    if unknown := find_unknown(list_applied()):
        raise Conflict(
            f"a newer flyteui has used this database: it has {shorten(unknown)}, which this version does not know. "
            "Nothing was changed. Install that version, or restore a copy from before it (`flyteui restore`)"
        )


def shorten(names: list[str]) -> str:
    """The names of migrations for a message."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"migration{'s' if len(names) > 1 else ''} {', '.join(names[:NAMED])}{more}"


def _written(keys: Iterable[tuple[str, str]]) -> list[str]:
    return sorted(f"{app}.{name}" for app, name in keys)
