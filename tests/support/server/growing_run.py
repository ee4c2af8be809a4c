"""The run of tests/support/server/growing_run_process.py, as a test has it. Nothing here waits without an end."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.server.server import ROOT, RUN_URL, Server

ORDER_SECONDS = 300


class GrowingRun:
    """size: how many actions it had when it was told; path: of its page; name: of the run."""

    def __init__(self, process: subprocess.Popen[str], server: Server, seconds: float) -> None:
        self._process = process
        self._log = server.home / "growing-run.log"
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        size, _, address = self._line(seconds).partition(" ")
        found = RUN_URL.search(address)
        assert found, address
        self.size = int(size)
        self.name = found.group(4)
        self.path = found.group(0).removeprefix(found.group(1))
        self.url = server.url + self.path

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.strip())
        self._lines.put("")

    def _line(self, seconds: float) -> str:
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError(f"the run said nothing for {seconds:g} s") from None
        assert line, f"the process of the run has ended: {self._log.read_text()}"
        return line

    def order(self, words: str, seconds: float = ORDER_SECONDS) -> None:
        """Done within so many seconds. The words are those of tests/support/server/growing_run_process.py."""
        assert self._process.stdin is not None
        code = self._process.poll()
        assert code is None, f"the process of the run has ended with {code}: {self._log.read_text()}"
        self._process.stdin.write(f"{words}\n")
        self._process.stdin.flush()
        assert self._line(seconds) == f"done {words.split(maxsplit=1)[0]}"


@contextmanager
def growing_run(server: Server, actions: int, *, seconds: float) -> Iterator[GrowingRun]:
    """A run of about so many actions that changes as it is told; told within so many seconds."""
    env = {**server.env, "DJANGO_SETTINGS_MODULE": "flyteui.settings"}
    log = (server.home / "growing-run.log").open("w")
    with log, subprocess.Popen(
        [sys.executable, "-m", "tests.support.server.growing_run_process", str(actions)],
        cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
    ) as process:  # fmt: skip
        try:
            yield GrowingRun(process, server, seconds)
        finally:
            process.kill()
