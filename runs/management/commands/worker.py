"""`manage.py worker`: start executors for the server on this machine."""

from __future__ import annotations

import asyncio
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from runs.executor.launchers import LocalLauncher
from runs.executor.worker import BadToken, Worker, WorkerConfig

# An address that a server may listen on, but that nobody can connect to.
ANY_HOST = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 -- compared with, not bound to


class Command(BaseCommand):
    help = "Start executor processes where the server asks for them. Ctrl-C or SIGTERM stops them in order."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        host = "127.0.0.1" if settings.HOST in ANY_HOST else settings.HOST
        parser.add_argument(
            "--url", default=f"ws://{host}:{settings.PORT}", help="the server (default: %(default)s)"
        )

    def handle(self, *args: Any, url: str, **options: Any) -> None:
        config = WorkerConfig(
            base_url=url.rstrip("/"),
            endpoint=settings.PUBLIC_URL,
            token=settings.EXECUTOR_TOKEN,
            home=str(settings.HOME),
        )
        try:
            asyncio.run(run_worker(config))
        except BadToken as refused:
            raise CommandError(
                f"the server refused the token (FLYTEUI_EXECUTOR_TOKEN): {refused}"
            ) from refused


async def run_worker(config: WorkerConfig) -> None:
    launcher = LocalLauncher()
    worker = Worker(config, launcher)
    await launcher.prepare()
    await worker.run()
