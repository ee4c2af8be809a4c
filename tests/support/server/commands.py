"""What tests do to a server beside its user: management commands, code in its database, demonstrations, a lock."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.server.server import ROOT, RUN_URL, Server

ADMIN = "admin-of-tests"


def manage(server: Server, *arguments: str) -> str:
    done = server.manage(*arguments, DJANGO_SUPERUSER_PASSWORD=ADMIN)
    assert done.returncode == 0, done.stderr
    return done.stdout


def find_related(server: Server, path: str) -> str:
    """The name of the run that this one recovers."""
    sql = "SELECT name FROM runs_run WHERE id = (SELECT related_to_id FROM runs_run WHERE name = ?)"
    return str(server.query(sql, path.rpartition("/")[2])[0]["name"])


def in_database(server: Server, code: str) -> None:
    """Run code in a process of its own that has the server's models."""
    manage(server, "shell", "-v", "0", "-c", code)


def make_demo(server: Server, shape: str) -> str:
    """The path of a finished run of this shape, always the same: each server makes it once, and nothing can change it."""
    if shape not in server.demos:
        printed = manage(server, "demo", "--shape", shape, "--seed", "3")
        found = RUN_URL.search(printed)
        assert found, printed
        server.demos[shape] = found.group(0).removeprefix(found.group(1))
    return server.demos[shape]


@contextmanager
def performing(
    server: Server, shape: str, *, seed: int = 5, seconds: float = 90
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a demonstration; gives its process, and the name of its run once that is there."""
    command = [
        sys.executable,
        "manage.py",
        "demo",
        "--live",
        "--shape",
        shape,
        "--seed",
        str(seed),
        "--seconds",
        str(seconds),
    ]
    with subprocess.Popen(
        command, cwd=ROOT, env=server.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = RUN_URL.search(line)
        assert found, line + process.stdout.read()
        try:
            yield process, found.group(4)
        finally:
            process.kill()


@contextmanager
def locked(server: Server) -> Iterator[None]:
    """Hold the write lock of the database, as a backup or another tool may."""
    connection = sqlite3.connect(server.home / "flyteui.sqlite3", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()
