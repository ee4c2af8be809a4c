"""What the documents tell who looks after a server: blocks with a note, and a server that is started as one of them says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.documents import Block, blocks
from tests.support.server.server import Server, wait_until

PROGRAMS = Path(sys.executable).parent


def noted(note: str, page: str) -> list[Block]:
    return [block for block in blocks() if block.note == note and block.page == f"docs/how-to/{page}"]


def replaced(code: str, *pairs: tuple[str, str]) -> str:
    """Each of the first must be there, or the document has changed and this test proves nothing."""
    for old, new in pairs:
        assert old in code, f"{old!r} is not in\n{code}"
        code = code.replace(old, new)
    return code


@contextmanager
def started(server: Server, code: str) -> Iterator[None]:
    """Run lines that start a server, until it answers; afterwards SIGTERM, which ends it with code 0."""
    with server.log.open("ab") as log:
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", code], cwd=server.home, stdout=log, stderr=log, start_new_session=True,
            env=server.env | {"PATH": f"{PROGRAMS}{os.pathsep}{server.env['PATH']}"},
        )  # fmt: skip
    try:
        wait_until(lambda: answers(server), "the server answers", 240, lambda: server.log.read_text()[-2000:])
        yield
    finally:
        server.commands.end()
        os.killpg(process.pid, signal.SIGTERM)
        try:
            code_of_end = process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert code_of_end == 0, server.log.read_text()[-2000:]


def answers(server: Server) -> bool:
    return server.is_ready() or Server.answers(server.port)
