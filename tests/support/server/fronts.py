"""What stands before a server and speaks TLS: Caddy and nginx as docs/how-to/deploy.md has them, and a proxy in this process."""

from __future__ import annotations

import asyncio
import re
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tests.support.server.certificates import Certificate
from tests.support.server.server import ROOT, wait_until

NAME = "flyteui.example.com"


def documented(language: str) -> str:
    """The one block of docs/how-to/deploy.md in this language."""
    (found,) = re.findall(
        rf"```{language}\n(.*?)```", (ROOT / "docs" / "how-to" / "deploy.md").read_text(), re.DOTALL
    )
    return str(found)


@contextmanager
def caddy(port: int, behind: int, files: Certificate, folder: Path) -> Iterator[None]:
    config = documented("caddyfile").replace("127.0.0.1:8000", f"127.0.0.1:{behind}")
    # The name, the certificate and the port are the test's; the rest is the document's.
    config = config.replace(
        f"{NAME} {{", f"localhost:{port} {{\n\tbind 127.0.0.1\n\ttls {files.cert} {files.key}", 1
    )
    file = folder / "Caddyfile"
    file.write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + config)
    command = [program("caddy"), "run", "--adapter", "caddyfile", "--config", str(file)]
    with running(command, port, files, folder):
        yield


@contextmanager
def nginx(port: int, behind: int, files: Certificate, folder: Path) -> Iterator[None]:
    config = documented("nginx").replace("127.0.0.1:8000", f"127.0.0.1:{behind}")
    config = config.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl").replace(NAME, "localhost")
    config = re.sub(r"ssl_certificate /\S+", f"ssl_certificate {files.cert};", config)
    config = re.sub(r"ssl_certificate_key /\S+", f"ssl_certificate_key {files.key};", config)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{config}\n}}\n"
    )
    with running([program("nginx"), "-c", str(file), "-p", str(folder)], port, files, folder):
        yield


def program(name: str) -> str:
    found = shutil.which(name)
    assert found is not None, f"{name} is not installed"
    return found


@contextmanager
def running(command: list[str], port: int, files: Certificate, folder: Path) -> Iterator[None]:
    """The program, from when it answers on; it ends with the block."""
    trust = ssl.create_default_context(cafile=str(files.authority))

    def answers() -> bool:
        with suppress(httpx.HTTPError):
            return bool(httpx.get(f"https://localhost:{port}/healthz", verify=trust, timeout=5).status_code)
        return False

    log = folder / "front.log"
    with (
        log.open("w") as output,
        subprocess.Popen(command, stdout=output, stderr=output, env={"HOME": str(folder)}) as process,
    ):
        try:
            wait_until(answers, f"{command[0]} answers", 60, log.read_text)
            yield
        finally:
            process.terminate()


@contextmanager
def in_process(port: int, behind: int, files: Certificate, folder: Path) -> Iterator[None]:
    """A small proxy, where there is no other: one request for each connection."""
    del folder
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="front", daemon=True)
    thread.start()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await forward(reader, writer, behind)
        writer.close()

    starting = asyncio.start_server(serve, "127.0.0.1", port, ssl=context)
    listener = asyncio.run_coroutine_threadsafe(starting, loop).result(20)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(end(listener), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


async def end(listener: asyncio.Server) -> None:
    """On the loop's own thread: that of the test may have a loop that runs, which is Playwright's."""
    listener.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, behind: int) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lines = [line for line in head.split("\r\n")[:-2] if not line.lower().startswith("x-forwarded-")]
    lines += ["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https"]
    if "\r\nupgrade:" not in head.lower():
        lines = [line for line in lines if not line.lower().startswith("connection:")] + ["Connection: close"]
    there, onward = await asyncio.open_connection("127.0.0.1", behind)
    onward.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    up = asyncio.ensure_future(pump(reader, onward))
    try:
        await pump(there, writer)
    finally:
        up.cancel()
        onward.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(65_536):
        writer.write(piece)
        await writer.drain()


FRONTS = {"in this process": in_process, "caddy": caddy, "nginx": nginx}


def is_here(name: str) -> bool:
    """Whether this machine has the program."""
    return name not in {"caddy", "nginx"} or shutil.which(name) is not None
