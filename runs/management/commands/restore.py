"""`flyteui restore FILE`: a backup into an empty home."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from runs.backup.restoring import restore_backup
from runs.domain.errors import FlyteUIError
from runs.domain.texts import counted
from runs.management.base import ServerCommand
from runs.management.ports import check_no_server


class Command(ServerCommand):
    """Restore a backup."""

    help = (
        "Restore what `flyteui backup` wrote, into a home without a database and without files; all of it, or nothing. "
        "What ran then runs again at the next start, as after a crash."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        check_no_server("A restore needs the server stopped.")
        try:
            restored = restore_backup(file.absolute())
        except FlyteUIError as error:
            raise CommandError(error.message) from error
        counts = restored.manifest.counts
        self.stdout.write(
            f"Restored {counted(counts['runs_run'], 'run')} with {counted(counts['runs_action'], 'action')} and "
            f"{counted(counts['files'] - counts['database_files'], 'file')}, as of {restored.manifest.created_at}."
        )
        if restored.moved_from:
            self.stdout.write(
                f"Their files were in {restored.moved_from}; the addresses in rows, inputs and outputs are changed."
            )
        if restored.executors:
            self.stdout.write(
                f"{counted(restored.executors, 'executor')} ran then; what they held runs again at the next start."
            )
