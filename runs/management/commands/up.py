"""`manage.py up`: the whole server in one command, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from runs.access import gate, members
from runs.engine import registry
from runs.engine.executors import scheduling
from runs.management.ports import check_port_is_free
from runs.management.supervisor import Role, supervise
from runs.store import local_server

DEMO = Path("examples") / "demo.py"


class Command(BaseCommand):
    """Migrate, then run the web server and a worker in the foreground."""

    help = "Migrate, then run the web server and a worker. Ctrl-C or SIGTERM stops everything within 5 s."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demo", action="store_true", help="start a demo run when there is no run yet")
        parser.add_argument(
            "--no-worker",
            action="store_true",
            help="without a worker: `manage.py worker` is started elsewhere",
        )

    def handle(self, *args: Any, demo: bool, no_worker: bool, **options: Any) -> None:
        del args, options
        check_port_is_free()
        call_command("migrate", verbosity=0)
        registry.seed()
        scheduling.forget_connections()
        config = write_client_config()
        python = [sys.executable]
        roles = [
            Role("web", [*python, "-m", "flyteui.web", "-b", settings.HOST, "-p", str(settings.PORT), "-v", "0",
                         "--no-server-name", "flyteui.asgi:application"], has_heartbeat=True),
        ]  # fmt: skip
        if not no_worker:
            roles.append(Role("worker", [*python, "-m", "django", "worker"]))

        demos: list[subprocess.Popen[bytes]] = []

        def ready() -> None:
            self.stdout.write(welcome(config))
            if demo and not registry.has_runs():
                demos.append(start_demo(config))

        # It is ready for runs when it has a worker.
        health = "healthz" if no_worker else "readyz"
        ready_url, verify = f"{settings.LOCAL_URL}/{health}", local_server.verification()
        code = asyncio.run(supervise(roles, ready_url=ready_url, on_ready=ready, verify=verify))
        for one in demos:  # it would ask the server that is gone again and again
            one.terminate()
        sys.exit(code)


def write_client_config() -> Path:
    """A config file for the flyte client, in the home folder."""
    path = settings.HOME / "config.yaml"
    insecure = "" if settings.IS_HTTPS else "  insecure: true\n"
    path.write_text(
        f"admin:\n  endpoint: {settings.PUBLIC_URL}\n{insecure}"
        f"image:\n  builder: remote\n"
        f"task:\n  org: flyteui\n  project: {settings.DEFAULT_PROJECT}\n  domain: {settings.DOMAINS[0]}\n"
    )
    return path


def welcome(config: Path) -> str:
    """What is printed once the server answers."""
    try:
        shown = config.relative_to(Path.cwd())
    except ValueError:
        shown = config
    flyte = Path(sys.executable).with_name("flyte")
    try:
        flyte = flyte.relative_to(Path.cwd())
    except ValueError:
        pass
    command = shlex.join([str(flyte), "--config", str(shown)])
    return (
        f"\n  flyteui is up:  {settings.PUBLIC_URL}/\n\n"
        f"  Run a flow:     {command} run examples/external_abort.py main --n 10 --sleep_for 30\n"
        f"  Stop:           Ctrl-C\n{nobody_yet()}"
    )


def nobody_yet() -> str:
    """What to do first where nobody could sign in; "" elsewhere."""
    if settings.AUTH != "password" or members.has_users():
        return ""
    return "\n  Nobody can sign in yet. Make the first user:  manage.py createuser NAME --role admin\n"


def start_demo(config: Path) -> subprocess.Popen[bytes]:
    """Submit the demo flow through the real client; its output is of no interest.

    With a home of its own: the client remembers for a day what it has uploaded, and this server may be a new one.
    """
    if not gate.is_open():  # where the client would have to sign in, a made-up run does
        command = [sys.executable, "-m", "django", "demo", "--live"]
        return subprocess.Popen(
            command, cwd=settings.ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
    flyte = Path(sys.executable).with_name("flyte")
    home = settings.HOME / "demo"
    home.mkdir(exist_ok=True)
    return subprocess.Popen(
        [flyte, "--config", config, "run", str(DEMO), "main"],
        cwd=settings.ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "DO_NOT_TRACK": "1", "HOME": str(home)},
    )  # fmt: skip
