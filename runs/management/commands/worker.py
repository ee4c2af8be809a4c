"""`flyteui worker`: start executors for the server on this machine."""

from __future__ import annotations

import asyncio
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from runs.executor.worker.launchers import LocalLauncher
from runs.executor.worker.other_user import (
    CannotBecome,
    OtherUser,
    check_start,
    environments_of,
    find_user,
    make_folder,
)
from runs.executor.worker.worker import BadToken, Worker, WorkerConfig
from runs.store import local_server


class Command(BaseCommand):
    help = "Start executor processes where the server asks for them. Ctrl-C or SIGTERM stops them in order."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--url", default=local_server.SOCKETS,
            help="the server, ws:// or wss:// (default: %(default)s)",
        )  # fmt: skip
        parser.add_argument(
            "--user",
            help="the user of this system that executors run as (default: the worker's own); takes root, or capabilities",
        )

    def handle(self, *args: Any, url: str, user: str | None, **options: Any) -> None:
        environments = settings.ENVIRONMENTS
        try:
            if other := become(user) if user else None:
                environments = environments_of(other, environments, settings.HOME)
        except CannotBecome as problem:
            raise CommandError(f"--user {user}: {problem}") from problem
        unused = settings.KEEP_UNUSED.default
        config = WorkerConfig(
            base_url=url.rstrip("/"),
            endpoint=settings.PUBLIC_URL,
            token=settings.EXECUTOR_TOKEN,
            home=str(other.folder if other else settings.HOME),
            environments=str(environments),
            keep_unused_seconds=unused.total_seconds() if unused else None,
            tls_cert=local_server.certificate() if url == local_server.SOCKETS else "",
            is_other_user=other is not None,
        )
        try:
            asyncio.run(run_worker(config, LocalLauncher(umask=settings.USER_UMASK, user=other)))
        except BadToken as refused:
            raise CommandError(
                f"the server refused the token (FLYTEUI_EXECUTOR_TOKEN): {refused}"
            ) from refused


def become(name: str) -> OtherUser:
    """The user, once it is sure that executors can start as them, in a folder of their own. Raises CannotBecome."""
    other = find_user(name)
    check_start(other)
    make_folder(other)
    return other


async def run_worker(config: WorkerConfig, launcher: LocalLauncher) -> None:
    worker = Worker(config, launcher)
    await launcher.prepare()
    await worker.run()
