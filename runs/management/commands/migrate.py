"""`manage.py migrate`: Django's, which refuses a newer database and copies one of SQLite before it changes it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate

from runs.backup.copies import copy_before_migrating
from runs.domain.errors import FlyteUIError
from runs.store import schema


class Command(migrate.Command):
    """As Django's, with a copy of what is about to change."""

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            schema.check_not_newer()
            if not options["plan"] and not options["check_unapplied"] and (copy := copy_before_migrating()):
                self.stdout.write(f"Copied the database to {copy} before it is migrated.")
        except FlyteUIError as error:
            raise CommandError(error.message) from error
        super().handle(*args, **options)
