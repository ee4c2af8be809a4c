"""Commands that run in forks of a process which has loaded what they need (fork_process.py), as a test asks for them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[3]


class Forks:
    """Starts with the first command; starts again when somebody has killed it."""

    def __init__(self, kind: Literal["manage", "flyte"], environment: Mapping[str, str]) -> None:
        self._kind = kind
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None

    def run(self, *arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.server.fork_process", self._kind],
                cwd=ROOT, env=dict(self._environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{json.dumps({'arguments': arguments, 'environment': dict(environment)})}\n")
        process.stdin.flush()
        done = json.loads(process.stdout.readline())
        return subprocess.CompletedProcess([self._kind, *arguments], done["code"], done["out"], done["err"])

    def end(self) -> None:
        if self._process is not None:
            self._process.communicate(timeout=60)
            self._process = None
