"""`flyteui backup FILE`: the database and the storage in one archive, while the server goes on."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from runs.backup.making import make_backup
from runs.domain.errors import FlyteUIError
from runs.domain.texts import counted, format_bytes
from runs.management.base import ServerCommand


class Command(ServerCommand):
    """Back up the database and the storage."""

    help = (
        "Write the database and the storage, as they are now, into one archive. The server may go on. The archive holds "
        "inputs, outputs, logs and accounts: keep it as carefully as the home folder. `flyteui restore` reads it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the archive to write, a zip; nothing is overwritten")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            made = make_backup(file.absolute())
        except FlyteUIError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"the backup cannot be written: {error}") from error
        self.stdout.write(
            f"Backed up {counted(made.runs, 'run')} with {counted(made.actions, 'action')} and {counted(made.files, 'file')} to {file} "
            f"({format_bytes(made.size)})."
        )
        if made.skipped:
            self.stdout.write(
                f"Not in it: {counted(made.skipped, 'link or special file', 'links and special files')}."
            )
        if not made.has_storage:
            self.stdout.write(
                f"The files are in {settings.STORAGE_URL} and not in it; back that up as well, after this."
            )
