"""The identity provider of tests that want a real one: oidc-provider, in a process of Node (tests/support/oidc_provider.mjs)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.node import NODE
from tests.support.server.server import free_port

API = "https://flyteui.example/api"  # the audience of its access tokens
PROGRAM = Path(__file__).resolve().parents[1] / "oidc_provider.mjs"


@contextmanager
def real_provider(*, pages: str, cli: str, groups: Mapping[str, list[str]]) -> Iterator[str]:
    """Its issuer. pages, cli: where it sends the browser back to, for our pages and for the client; groups: by user."""
    port = free_port()
    settings = {"pages": pages, "cli": cli, "api": API, "seconds": 600, "groups": groups}
    with subprocess.Popen(
        [NODE, PROGRAM, str(port), json.dumps(settings)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield f"http://localhost:{port}"
        finally:
            process.kill()
