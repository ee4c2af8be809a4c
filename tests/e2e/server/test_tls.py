"""TLS, on our own port and in front of us: the real client, executors, pages and sockets go through it."""

from __future__ import annotations

import json
import socket
import ssl
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from runs.domain.phases import Phase
from tests.support.pages.states import RUNS
from tests.support.server.certificates import Certificate, make_certificate
from tests.support.server.commands import manage
from tests.support.server.documented import noted, replaced, started
from tests.support.server.fronts import FRONTS, is_here
from tests.support.server.parts import web_without_worker
from tests.support.server.server import Server, free_port, wait_until

MEGABYTE = 1024 * 1024
SCENE = "from tests.support.showcase import make_everything as m; m('{name}')"


@dataclass(frozen=True)
class Secured:
    """A server as its clients see it. url: the public one; trust: of who knows the authority."""

    server: Server
    url: str
    trust: ssl.SSLContext
    files: Certificate
    authority: trustme.CA

    def browser(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.trust, timeout=60)

    def socket(self, path: str, origin: str) -> Any:
        address = f"wss://{self.url.removeprefix('https://')}{path}"
        return connect(address, ssl=self.trust, origin=Origin(origin), open_timeout=60)


def secured(folder: Path) -> tuple[trustme.CA, Certificate, ssl.SSLContext]:
    authority = trustme.CA()
    files = make_certificate(folder, "localhost", authority=authority)
    return authority, files, ssl.create_default_context(cafile=str(files.authority))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """All of it by `up`, started as docs/how-to/deploy.md says, with a certificate of an authority that the machine does not know."""
    folder = tmp_path_factory.mktemp("own")
    authority, files, trust = secured(folder)
    settings = {
        "FLYTEUI_TLS_CERT": str(files.cert), "FLYTEUI_TLS_KEY": str(files.key), "SSL_CERT_FILE": str(files.authority),
    }  # fmt: skip
    server = Server(folder / "home", **settings)
    server.take_migrated()
    (block,) = noted("starts a server", "deploy.md")
    code = replaced(
        block.code,
        ("0.0.0.0", "127.0.0.1"), ("8443", str(server.port)), ("flyteui.example.com", "localhost"),
        ("/etc/flyteui/fullchain.pem", str(files.cert)), ("/etc/flyteui/privkey.pem", str(files.key)),
    )  # fmt: skip
    with started(server, code):
        yield Secured(server, server.url, trust, files, authority)


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Secured, int]]:
    """A web process without TLS, and the port on which something in front of it is to speak that."""
    folder = tmp_path_factory.mktemp("behind")
    port = free_port()
    authority, files, trust = secured(folder)
    with web_without_worker(folder / "home", FLYTEUI_PUBLIC_URL=f"https://localhost:{port}") as parts:
        yield Secured(parts, f"https://localhost:{port}", trust, files, authority), port


@pytest.fixture(params=FRONTS)
def front(request: pytest.FixtureRequest, behind: tuple[Secured, int], tmp_path: Path) -> Iterator[Secured]:
    if not is_here(request.param):
        pytest.skip(f"{request.param} is not installed here; the proxy in this process is tried instead")
    site, port = behind
    with FRONTS[request.param](port, site.server.port, site.files, tmp_path):
        yield site


def abort_in_page(site: Secured, run: str, origin: str) -> httpx.Response:
    """As the page does it: with its cookie, its token and its origin."""
    with site.browser() as browser:
        page = browser.get(f"{RUNS}/{run}")
        page.raise_for_status()
        assert "secure" in page.headers["set-cookie"].lower()
        form = {"action": "a0", "csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        return browser.post(f"{RUNS}/{run}/abort", data=form, headers={"origin": origin})


def test_the_real_client_runs_a_flow_that_runs_another_over_tls(own: Secured):
    assert "insecure" not in (own.server.home / "config.yaml").read_text()

    run = own.server.submit("tests/workflows/nested.py", "outer")

    assert own.server.wait_ended(run) is Phase.SUCCEEDED


def test_a_command_on_the_servers_machine_reaches_it(own: Secured):
    run = own.server.submit("examples/external_abort.py", "main", "--n", "2", "--sleep_for", "3600")
    own.server.wait_running(run, "long_sleeper", 2)

    assert "it reaches 2" in manage(own.server, "abort", run, "--phase", "running", "--reason", "enough")

    assert own.server.wait_ended(run) is Phase.SUCCEEDED  # it has caught what happened to its children
    assert {row["reason"] for row in own.server.named(run, "long_sleeper")} == {"enough"}
    assert "had ended already" in manage(own.server, "abort", run)


def test_doctor_finds_a_server_that_speaks_tls(own: Secured):
    asked = "from runs.management.commands.doctor import ask_for_worker; print(ask_for_worker())"

    assert manage(own.server, "shell", "-v", "0", "-c", asked).strip() == "('', '')"


def test_a_page_of_our_own_tls_aborts_and_another_site_does_not(own: Secured):
    manage(own.server, "shell", "-v", "0", "-c", SCENE.format(name="own"))

    assert abort_in_page(own, "own", "https://evil.example").status_code == 403
    assert abort_in_page(own, "own", own.url).is_success
    with own.socket("/ws/executors/", own.url):
        pass
    with pytest.raises(InvalidStatus), own.socket("/ws/executors/", own.url.replace("https", "http")):
        pass


def test_a_body_that_is_too_large_is_refused_in_words_over_tls_too(own: Secured):
    with own.browser() as browser:
        answer = browser.post("/anything", content=b"x" * (2 * MEGABYTE))

    assert answer.status_code == 413


def test_who_speaks_no_tls_is_cut_off_and_leaves_no_trace(own: Secured):
    with socket.create_connection(("localhost", own.server.port), timeout=60) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65_536), b""))

    assert b"HTTP/1.1" not in answer
    assert "Traceback" not in own.server.log.read_text()


def test_a_renewed_certificate_is_served_and_the_worker_goes_on(own: Secured):
    def shown() -> bytes:
        with (
            socket.create_connection(("localhost", own.server.port), timeout=60) as plain,
            own.trust.wrap_socket(plain, server_hostname="localhost") as tls,
        ):
            return tls.getpeercert(binary_form=True) or b""

    before = shown()
    make_certificate(own.files.cert.parent, "localhost", authority=own.authority)

    assert shown() != before
    wait_until(own.server.is_ready, "a worker is there")
    assert own.server.wait_ended(own.server.submit("tests/workflows/printing.py", "main")) is Phase.SUCCEEDED


@pytest.fixture
def run(front: Secured, request: pytest.FixtureRequest) -> str:
    """A run of this test's own, in every state."""
    name = f"run{zlib.crc32(request.node.name.encode())}"
    manage(front.server, "shell", "-v", "0", "-c", SCENE.format(name=name))
    return name


def test_behind_a_proxy_that_speaks_tls_pages_and_sockets_work(front: Secured, run: str):
    assert abort_in_page(front, run, "https://evil.example").status_code == 403
    assert abort_in_page(front, run, front.url).is_success
    with front.socket("/ws/executors/", front.url):
        pass
    with pytest.raises(InvalidStatus), front.socket("/ws/executors/", "https://evil.example"):
        pass


def test_behind_it_addresses_are_public_and_large_bodies_and_streams_pass(front: Secured, run: str):
    with front.browser() as browser:
        where = browser.post(
            "/flyteidl2.dataproxy.DataProxyService/CreateUploadLocation",
            json={
                "project": "flytesnacks",
                "domain": "development",
                "filename": "data.bin",
                "filenameRoot": run,
            },
        ).raise_for_status()
        url = where.json()["signedUrl"]
        assert url.startswith(f"{front.url}/upload/")
        assert browser.put(url, content=b"x" * (30 * MEGABYTE)).text == "stored"
        body = json.dumps({"runId": front.server.run_id(run)}).encode()
        with browser.stream(
            "POST", "/flyteidl2.workflow.RunService/WatchRunDetails",
            content=b"\0" + len(body).to_bytes(4, "big") + body, headers={"content-type": "application/connect+json"},
        ) as stream:  # fmt: skip
            # The first message comes though the stream does not end: nobody keeps it back.
            assert next(stream.iter_raw())[:1] == b"\0"
