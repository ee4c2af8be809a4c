"""A server where people and programs sign in, by TLS, because the client signs in nowhere else; and clients with their own configuration."""

from __future__ import annotations

import signal
import ssl
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support.server.certificates import Certificate, make_certificate
from tests.support.server.server import ROOT, Server, free_port, wait_until

BROWSER = """#!/bin/sh
printf '%s' "$1" > "$BROWSER_SAW.new" && mv "$BROWSER_SAW.new" "$BROWSER_SAW"
"""


class SignInServer(Server):
    """redirect: where the flyte client waits for the browser."""

    def __init__(self, home: Path, **settings: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.certificate: Certificate = make_certificate(home, "localhost", "127.0.0.1")
        self.trust = ssl.create_default_context(cafile=str(self.certificate.authority))
        self.clients: list[subprocess.Popen[str]] = []
        self.redirect = f"http://localhost:{free_port()}/callback"
        super().__init__(
            home,
            **{
                "FLYTEUI_TLS_CERT": str(self.certificate.cert),
                "FLYTEUI_TLS_KEY": str(self.certificate.key),
                "FLYTEUI_CLI_REDIRECT_URI": self.redirect,
                **settings,
            },
        )

    def use_port(self, port: int) -> None:
        super().use_port(port)
        self.url = f"https://localhost:{port}"

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2, verify=self.trust).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def config(self, name: str, **admin: Any) -> Path:
        """The client's configuration file for a way to sign in."""
        file = self.home / f"{name}.yaml"
        common = {
            "endpoint": f"dns:///localhost:{self.port}",
            "caCertFilePath": str(self.certificate.authority),
        }
        task = {"project": "flytesnacks", "domain": "development"}
        file.write_text(yaml.safe_dump({"admin": {**common, **admin}, "task": task}))
        return file

    def client_env(self, **more: str) -> dict[str, str]:
        """caCertFilePath is for the calls; the client asks for tokens by httpx, which is told of an authority here."""
        return {**self.env, "SSL_CERT_FILE": str(self.certificate.authority), **more}

    def run_client(self, config: Path, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """The real CLI with this configuration."""
        program = str(Path(sys.executable).with_name("flyte"))
        return self._start([program, "--config", str(config), *arguments], env)

    def run_script(self, config: Path, code: str, **env: str) -> subprocess.Popen[str]:
        """A user's program with this configuration; it can be spoken to."""
        return self._start([sys.executable, "-c", code], {"FLYTECTL_CONFIG": str(config), **env})

    def _start(self, command: list[str], env: Mapping[str, str]) -> subprocess.Popen[str]:
        client = subprocess.Popen(
            command, cwd=ROOT, env=self.client_env(**env), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.clients.append(client)
        return client

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Also of clients that still wait for somebody, because their test has failed."""
        for client in self.clients:
            with client:
                client.kill()
        return super().stop(number)


class SeenAddress:
    """What the client asks the browser of its machine to open: a program that notes it is that browser."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "address"
        self.file.unlink(missing_ok=True)
        program = folder / "browser.sh"
        program.write_text(BROWSER)
        program.chmod(0o755)
        self.env = {"BROWSER": f"{program} %s", "BROWSER_SAW": str(self.file)}

    def wait(self) -> str:
        wait_until(self.file.exists, "the client opens its browser")
        return self.file.read_text()


def read_until(client: subprocess.Popen[str], text: str) -> str:
    """The first line that the client prints with this in it; what comes before is in the error when none comes."""
    assert client.stdout is not None
    seen = ""
    for line in client.stdout:
        seen += line
        if text in line:
            return line.strip()
    raise AssertionError(f"it ended without {text!r}:\n{seen}")
