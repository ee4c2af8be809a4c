"""Copies of a SQLite database that is about to be migrated, in the folder `backups` of the home."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import connection

from runs.backup.databases import dump_sqlite
from runs.store import schema
from runs.store.clock import wall_time

KEPT = 2
_NAME = "before-migrate-{at:%Y%m%dT%H%M%S}.sqlite3"


def folder() -> Path:
    return Path(settings.HOME) / "backups"


def copy_before_migrating() -> Path | None:
    """Copy the database when migrations are to change it, and keep the last two copies.

    Returns the copy; None when there is nothing to migrate, nothing to lose, or another kind of database.
    """
    if connection.vendor != "sqlite" or not schema.list_applied() or not schema.list_missing():
        return None
    folder().mkdir(parents=True, exist_ok=True)
    copy = folder() / _NAME.format(at=wall_time())
    partial = copy.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    dump_sqlite(Path(connection.settings_dict["NAME"]), partial)
    partial.replace(copy)
    for old in list_copies()[:-KEPT]:
        old.unlink()
    return copy


def list_copies() -> list[Path]:
    """Oldest first."""
    return sorted(folder().glob("before-migrate-*.sqlite3"))
