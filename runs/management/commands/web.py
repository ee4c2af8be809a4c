"""`flyteui web`: the server alone, in this process, for whoever watches over processes himself (systemd, several of them)."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from runs.engine import registry
from runs.management.ports import check_port_is_free, note_server

MODULE = "flyteui.web"


def arguments_of_web() -> list[str]:
    """The command line of the web process."""
    return [
        sys.executable, "-m", MODULE, "-b", settings.HOST, "-p", str(settings.PORT), "-v", "0",
        "--no-server-name", "flyteui.asgi:application",
    ]  # fmt: skip


class Command(BaseCommand):
    """Become the web process."""

    help = (
        "Start the server alone. Workers are started with `flyteui worker`, here or elsewhere. Unlike `flyteui up` it leaves "
        "the database as it is (`flyteui migrate` brings that up to date), and nobody starts it again when it dies."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        check_port_is_free()
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError("the database is not up to date: run `flyteui migrate` first")
        registry.seed()
        connection.close()
        note_server()
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "flyteui.settings")
        command = arguments_of_web()
        # It takes the place of this process, so that signals reach it.
        os.execv(command[0], command)  # noqa: S606
