"""A newer database is refused; one of SQLite is copied before it is migrated."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from runs.backup import copies
from runs.domain.errors import Conflict
from runs.store import schema
from tests.support import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def tomorrow() -> Any:
    """A migration that a newer version has applied."""
    recorder = MigrationRecorder(connection)
    recorder.record_applied("runs", "9999_tomorrow")
    yield
    recorder.record_unapplied("runs", "9999_tomorrow")


@pytest.fixture
def pending() -> Any:
    """A migration that is still to be applied, and whose change is there already."""
    known = set(schema.list_applied()) - set(schema.find_unknown(schema.list_applied()))
    name = max(name for name in known if name.startswith("runs.")).partition(".")[2]
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("runs", name)
    yield name
    if f"runs.{name}" not in schema.list_applied():
        recorder.record_applied("runs", name)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, settings: Any) -> Path:
    settings.HOME = tmp_path
    return tmp_path


def test_a_database_of_this_version_is_taken():
    schema.check_not_newer()

    assert schema.list_missing() == []


def test_a_newer_database_is_refused_with_words(tomorrow: None):
    with pytest.raises(
        Conflict, match=r"has migration runs\.9999_tomorrow, which this version does not know"
    ):
        schema.check_not_newer()


def test_migrate_refuses_a_newer_database_and_touches_nothing(tomorrow: None, pending: str):
    with pytest.raises(CommandError, match="a newer flyteui has used this database"):
        call_command("migrate", verbosity=0)

    assert schema.list_missing() == [f"runs.{pending}"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has backups of its own")
def test_the_database_is_copied_before_it_is_migrated(pending: str, home: Path):
    factories.make_run(name="kept")
    out = StringIO()

    call_command("migrate", "--fake", verbosity=0, stdout=out)

    (copy,) = copies.list_copies()
    assert f"Copied the database to {copy}" in out.getvalue()
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("SELECT name FROM runs_run").fetchall() == [("kept",)]
        assert not database.execute("SELECT 1 FROM django_migrations WHERE name = ?", [pending]).fetchall()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has backups of its own")
def test_the_last_two_copies_are_kept(pending: str):
    copies.folder().mkdir()
    for day in (1, 2, 3):
        (copies.folder() / f"before-migrate-2026010{day}T000000.sqlite3").touch()

    made = copies.copy_before_migrating()

    assert copies.list_copies()[0].name == "before-migrate-20260103T000000.sqlite3"
    assert copies.list_copies()[1:] == [made]


def test_nothing_is_copied_when_there_is_nothing_to_migrate(home: Path):
    call_command("migrate", verbosity=0)

    assert not (home / "backups").exists()
