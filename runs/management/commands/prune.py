"""`flyteui prune`: delete now what the settings say, or what its options say; `--dry-run` says how much that is."""

from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import replace
from threading import Event
from typing import Any

from django.core.management.base import CommandError
from django.db import connection

from runs.domain.errors import FlyteUIError
from runs.domain.texts import counted, format_bytes
from runs.engine.retention import sweep
from runs.engine.retention.periods import read_retention
from runs.engine.retention.sweep import Deleted, Policy
from runs.management.base import ServerCommand
from runs.queries.retention.prunings import Pruning, preview_pruning

OPTIONS = {
    "runs": "runs that ended longer ago, unless they have the label keep=true",
    "logs": "logs of runs that ended longer ago",
    "cache": "cache entries that are older",
    "audit": "entries of the audit that are older",
    "unused": "uploads, inputs, code bundles and files of runs that are gone, when nothing refers to them and they are older",
}


class Command(ServerCommand):
    """Delete what is over, and what nothing uses."""

    help = (
        "Delete runs, logs, and entries of cache and audit whose time is over, and files that nothing uses: by FLYTEUI_KEEP_RUNS, _LOGS, "
        "_CACHE, _AUDIT and _UNUSED, or by these options, which replace them for this time. A server may go on meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
        for name, what in OPTIONS.items():
            parser.add_argument(
                f"--{name}", metavar="TIME", help=f"delete {what}; such as 30d, or 30d,flytesnacks=7d"
            )
        parser.add_argument(
            "--vacuum",
            action="store_true",
            help="then give the space of the database back to the disk; on SQLite nobody can write meanwhile",
        )

    def handle(self, *args: Any, dry_run: bool, vacuum: bool, **options: Any) -> None:
        try:
            given = {name: read_retention(f"--{name}", options[name]) for name in OPTIONS if options[name]}
        except FlyteUIError as error:
            raise CommandError(error.message) from error
        policy = replace(Policy(), **given)
        if dry_run:
            self.stdout.write(say_preview(preview_pruning(policy)))
            return
        deleted, stop = Deleted(), Event()
        for steps in (
            sweep.expire(policy, deleted),
            sweep.delete_left(deleted),
            sweep.clear_deleted(deleted, stop),
            sweep.pack_ended(deleted, stop),
            sweep.clear_unused(policy, deleted, stop),
        ):
            sweep.run_here(steps)
        self.stdout.write(
            f"Deleted {counted(deleted.runs, 'run')} with {counted(deleted.rows, 'action')}, the logs of {counted(deleted.logs, 'run')}, "
            f"{counted(deleted.entries, 'cache entry', 'cache entries')}, "
            f"{counted(deleted.audited, 'entry', 'entries')} of the audit, and {counted(deleted.files, 'file')} "
            f"({format_bytes(deleted.size)})."
        )
        if vacuum:
            with connection.cursor() as cursor:
                cursor.execute("VACUUM")
            self.stdout.write("The database has given its free space back.")


def say_preview(found: Pruning) -> str:
    return (
        f"Would delete {counted(found.runs, 'run')} with {counted(found.actions, 'action')} and {found.run_files.text}; the logs of "
        f"{counted(found.logs, 'run')} ({format_bytes(found.log_bytes)}); {counted(found.entries, 'cache entry', 'cache entries')}; "
        f"{counted(found.audited, 'entry', 'entries')} of the audit; and "
        f"{counted(found.unused.files, 'file')} that nothing uses ({format_bytes(found.unused.bytes)}). Nothing was changed."
    )
