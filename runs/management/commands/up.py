"""`flyteui up`: the whole server in one command, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from argparse import ArgumentParser, BooleanOptionalAction
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command

from runs.access import gate, members
from runs.engine import registry
from runs.engine.executors import scheduling
from runs.management.base import ServerCommand
from runs.management.commands.web import arguments_of_web
from runs.management.ports import check_port_is_free, note_server
from runs.management.supervisor import Role, supervise
from runs.store import client_config, local_server

WORKER = "flyteui.worker"
DEMO = Path("examples") / "demo.py"
RUN_URL = re.compile(r"https?://\S+?/runs/[a-z0-9-]+")


class Command(ServerCommand):
    """Migrate, then run the web server and a worker in the foreground."""

    help = (
        "Bring the database up to date, then run the web server and a worker, until Ctrl-C or SIGTERM, which stops everything "
        "within 5 s."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--demo", action=BooleanOptionalAction, default=False,
            help="start a demo run when there is no run yet; `flyteui up` does so unless told otherwise",
        )  # fmt: skip
        parser.add_argument(
            "--no-worker",
            action="store_true",
            help="without a worker: `flyteui worker` is started elsewhere",
        )

    def handle(self, *args: Any, demo: bool, no_worker: bool, **options: Any) -> None:
        del args, options
        check_port_is_free()
        call_command("migrate", verbosity=0)
        registry.seed()
        scheduling.forget_connections()
        config = client_config.write()
        note_server()
        roles = [Role("web", arguments_of_web(), has_heartbeat=True)]
        if not no_worker:
            roles.append(Role("worker", [sys.executable, "-m", WORKER]))

        demos: list[subprocess.Popen[str]] = []

        def ready() -> None:
            self._say(welcome(config))
            if demo and not registry.has_runs():
                demos.append(start_demo(config, lambda url: self._say(f"  A demo run:     {url}\n")))

        # It is ready for runs when it has a worker.
        health = "healthz" if no_worker else "readyz"
        ready_url, verify = f"{settings.LOCAL_URL}/{health}", local_server.verification()
        code = asyncio.run(supervise(roles, ready_url=ready_url, on_ready=ready, verify=verify))
        for one in demos:  # it would ask the server that is gone again and again
            one.terminate()
        sys.stderr.flush()
        # Not sys.exit: nothing is left to do, and to take Python down in order is half a second of a processor, which on a busy
        # machine is most of the 5 s that Ctrl-C may take.
        os._exit(code)

    def _say(self, text: str) -> None:
        """At once, into a file or a journal too."""
        self.stdout.write(text)
        self.stdout.flush()


def welcome(config: Path) -> str:
    """What is printed once the server answers."""
    return (
        f"\n  flyteui is up:  {settings.PUBLIC_URL}/\n"
        f"  How to use it:  {settings.PUBLIC_URL}/docs/\n"
        f"  Run a flow:     {line_to_run(config)}\n"
        f"  Stop:           Ctrl-C\n{nobody_yet()}"
    )


def line_to_run(config: Path) -> str:
    """A line for another shell, in this folder."""
    if settings.IS_INSTALLED:
        ours = shlex.join([called("flyteui"), *settings.OPTIONS])
        return f"{ours} flyte run FILE.py TASK    (or `{ours} config --write`, once, and then `{called('flyte')} run FILE.py TASK`)"
    flyte = shlex.join([shown(Path(sys.executable).with_name("flyte")), "--config", shown(config)])
    return f"{flyte} run examples/external_abort.py main --n 10 --sleep_for 30"


def called(program: str) -> str:
    """How a shell finds it: by its path, where it lies in a virtual environment that is not active."""
    return program if shutil.which(program) else shown(Path(sys.executable).with_name(program))


def shown(path: Path) -> str:
    """The path as one would write it in this folder."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def nobody_yet() -> str:
    """What to do first where nobody could sign in; "" elsewhere."""
    if settings.AUTH != "password" or members.has_users():
        return ""
    return "\n  Nobody can sign in yet. Make the first user:  flyteui createuser NAME --role admin\n"


def start_demo(config: Path, on_url: Callable[[str], None]) -> subprocess.Popen[str]:
    """Submit the demo flow through the real client; on_url is called with its page, from another thread.

    With a home of its own: the client remembers for a day what it has uploaded, and this server may be a new one.
    """
    home = settings.HOME / "demo"
    shutil.copytree(settings.EXAMPLES, home / DEMO.parent, dirs_exist_ok=True)
    flyte = Path(sys.executable).with_name("flyte")
    command = [str(flyte), "--config", str(config), "run", str(DEMO), "main"]
    if not gate.is_open():  # where the client would have to sign in, a made-up run does
        command = [sys.executable, "-m", "django", "demo", "--live"]
    process = subprocess.Popen(
        command, cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "DO_NOT_TRACK": "1", "HOME": str(home), "COLUMNS": "300", "NO_COLOR": "1"},
    )  # fmt: skip
    threading.Thread(target=_read_url, args=(process, on_url), name="demo", daemon=True).start()
    return process


def _read_url(process: subprocess.Popen[str], on_url: Callable[[str], None]) -> None:
    """Read all that it prints, or it would wait for a reader."""
    assert process.stdout is not None
    is_known = False
    for line in process.stdout:
        if not is_known and (found := RUN_URL.search(line)):
            is_known = True
            on_url(found[0])
