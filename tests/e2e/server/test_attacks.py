"""Attacks against a real web process. One for all of them; what it does with each request: tests/attack/."""

from __future__ import annotations

import base64
import hashlib
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.support import plain_http
from tests.support.server.parts import Parts, web_without_worker
from tests.support.server.server import wait_until

CALL = "/flyteidl2.workflow.RunService/ListRuns"
MEGABYTE = 1024 * 1024
WEBSOCKET = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\nOrigin: http://localhost\r\n"
)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    """A web process and no worker, in a home that others could read."""
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o755)
    with web_without_worker(home) as parts:
        yield parts


def memory_of(web: Parts) -> int:
    """In bytes."""
    assert web.web is not None
    status = Path(f"/proc/{web.web.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def raw(web: Parts, *pieces: bytes) -> bytes:
    """Send these, and return all that comes until the server closes."""
    with socket.create_connection(("localhost", web.port), timeout=20) as client:
        for piece in pieces:
            client.sendall(piece)
        answer = b""
        while chunk := client.recv(65_536):
            answer += chunk
        return answer


def put_location(web: Parts, content: bytes) -> str:
    """The path of a signed address."""
    answer = web.call(
        "flyteidl2.dataproxy.DataProxyService/CreateUploadLocation",
        {
            "project": "flytesnacks", "domain": "development", "filename": "data.bin",
            "filenameRoot": hashlib.md5(content).hexdigest(),
            "contentMd5": base64.b64encode(hashlib.md5(content).digest()).decode(),
        },
    )  # fmt: skip
    answer.raise_for_status()
    return urlsplit(answer.json()["signedUrl"]).path


def test_a_strange_header_holds_up_nobody_and_its_secrets_stay_secret(web: Parts):
    body = b"{}" + b" " * MEGABYTE
    head = (
        f"POST {CALL} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-Odd: \x80\r\n"
        f"Cookie: sessionid=hidden\r\nAuthorization: Bearer hidden\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    begun = time.monotonic()

    answer = raw(web, head.encode("latin-1"), body)

    assert answer.startswith(b"HTTP/1.1 400")
    assert b"x-odd" in answer
    assert time.monotonic() - begun < 5
    assert "hidden" not in web.log.read_text()


@pytest.mark.parametrize(
    ("path", "header", "status"),
    [
        ("/", "Daphne-Root-Path: \x80", 302),
        ("/", "Daphne-Root-Path: /elsewhere", 302),
        ("/healthz", "Cookie: a=\x80", 200),
        ("/", "Host: \x80", 400),
        ("/ws/executors/", f"{WEBSOCKET}Sec-WebSocket-Protocol: \x80", 101),
        ("/ws/executors/", f"{WEBSOCKET}Cookie: a=\x80", 101),
    ],
)
def test_a_header_that_a_library_cannot_read_is_no_error_of_the_server(
    web: Parts, path: str, header: str, status: int
):
    host = "" if header.startswith("Host") else "Host: localhost\r\n"
    with socket.create_connection(("localhost", web.port), timeout=20) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\n{host}{header}\r\n\r\n".encode("latin-1"))
        answer = client.recv(65_536)

    assert answer.startswith(f"HTTP/1.1 {status}".encode())
    assert b"elsewhere" not in answer
    assert "Traceback" not in web.log.read_text()


def test_huge_bodies_leave_no_memory_behind(web: Parts):
    plain_http.get(f"{web.url}/healthz").raise_for_status()
    before = memory_of(web)

    def pieces() -> Iterator[bytes]:
        for _ in range(400):
            yield b"x" * MEGABYTE

    said, chunked = [], []
    for path in ("/anything", CALL):
        headers = {"content-type": "application/json"}
        said.append(
            plain_http.post(f"{web.url}{path}", content=b"x" * (50 * MEGABYTE), headers=headers, timeout=30)
        )
        try:
            chunked.append(
                plain_http.post(f"{web.url}{path}", content=pieces(), headers=headers, timeout=30).status_code
            )
        except (httpx.WriteError, httpx.ReadError):
            pass  # it was cut off while it was sending
    assert [answer.status_code for answer in said] == [413, 413]
    assert said[1].json()["code"] == "invalid_argument"
    assert set(chunked) <= {413}
    assert memory_of(web) - before < 60 * MEGABYTE


def test_an_upload_that_expects_a_word_gets_it_and_arrives(web: Parts):
    content = b"0123456789abcdef" * (MEGABYTE // 4)
    path = put_location(web, content)
    before = memory_of(web)
    with socket.create_connection(("localhost", web.port), timeout=20) as client:
        client.sendall(
            f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: {len(content)}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        assert client.recv(1000).startswith(b"HTTP/1.1 100 Continue")
        client.sendall(content)
        answer = client.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 200")
    stored = next((web.home / "storage" / "_uploads").rglob("data.bin"))
    assert stored.read_bytes() == content
    assert stat.S_IMODE(stored.stat().st_mode) == 0o600
    assert memory_of(web) - before < 40 * MEGABYTE


def test_a_body_is_whole_whatever_its_size_is(web: Parts):
    for size in (1, 65_535, 65_536, 65_537, 131_072, 300_000):
        content = bytes([size % 251]) * size
        answer = plain_http.put(f"{web.url}{put_location(web, content)}", content=content)
        assert (answer.status_code, answer.text) == (200, "stored")


def test_an_upload_without_a_valid_token_is_refused_before_its_body(web: Parts):
    answer = raw(
        web,
        b"PUT /upload/forged HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n",
    )

    assert answer.startswith(b"HTTP/1.1 403")
    assert b"100 Continue" not in answer


@pytest.mark.parametrize("path", ["/ws/nothing/", "/ws/run/x/", f"/ws/run/{'9' * 5000}/"])
def test_an_unknown_socket_is_refused_without_a_traceback(web: Parts, path: str):
    with pytest.raises(InvalidStatus) as refused, connect(f"ws://localhost:{web.port}{path}"):
        pass

    assert refused.value.response.status_code == 403
    assert "Traceback" not in web.log.read_text()


def test_others_read_nothing_of_the_home(web: Parts):
    assert stat.S_IMODE(web.home.stat().st_mode) == 0o700
    made = [path for path in web.home.rglob("*") if path != web.log and "client" not in path.parts]
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in made if not path.is_symlink()} == {0}


def test_connections_that_say_nothing_leave_room_for_others(web: Parts):
    silent = [socket.create_connection(("localhost", web.port), timeout=20) for _ in range(300)]
    try:
        answers: list[int] = []
        threads = [
            threading.Thread(target=lambda: answers.append(plain_http.get(f"{web.url}/healthz").status_code))
            for _ in range(5)
        ]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(answers) == len(threads), "all are answered", 20)
        assert set(answers) == {200}
    finally:
        for one in silent:
            one.close()
