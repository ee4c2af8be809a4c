"""flyteui as its user installs it: a wheel, in an environment of its own, far from any checkout; and all that the documents say to do."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme
from playwright.sync_api import Page, Response, expect

from runs.domain.phases import Phase
from tests.support import plain_http
from tests.support.documents import Block, blocks, files
from tests.support.nets import NET_SECONDS
from tests.support.pages.run_page import abort_row, expect_phase, open_run
from tests.support.server.parts import processes_of
from tests.support.server.server import ROOT, RUN_URL, Server, clean_environment, free_port, wait_until

# Building and installing count for the first test, and uv may have to fetch what is installed.
pytestmark = pytest.mark.timeout(900)
# What the fixture does before the first test.
DONE = {"uv tool install . --with-executables-from flyte", "flyteui up"}
TOOLS = Path(sys.executable).parent
# What somebody who is asked for the value of a secret types.
TYPED = "s3cr3t\n"
GROUPED = """\
import asyncio

import flyte

env = flyte.TaskEnvironment(name="grouped")


@env.task
async def trial(number: int) -> int:
    await asyncio.sleep(3600)
    return number


@env.task
async def main() -> None:
    with flyte.group("trials"):
        await asyncio.gather(*(trial(n) for n in range(3)), return_exceptions=True)
    await asyncio.sleep(3600)
"""


class Installed(Server):
    """What `uv tool install` has put onto the path, with the home that it takes by itself."""

    def __init__(self, user: Path) -> None:
        """user: the home folder of somebody who has just installed it."""
        super().__init__(user / ".local/share/flyteui")
        self.own, self.bin = user, user / ".local/bin"
        self.program, self.folder = (str(self.bin / "flyteui"),), user / "project"
        self.is_migrated = False
        self.env = {
            name: value
            for name, value in self.env.items()
            if not name.startswith(("XDG_", "FLYTEUI_", "PYTHON", "VIRTUAL_ENV"))
        } | {"HOME": str(user), "FLYTEUI_PORT": str(self.port)}
        others = [one for one in self.env["PATH"].split(os.pathsep) if not one.startswith(str(ROOT))]
        self.env["PATH"] = os.pathsep.join([str(self.bin), *others])

    def shell(self, code: str, *, port: int | None = None) -> subprocess.CompletedProcess[str]:
        """Run lines of a document, as they are but for the port."""
        code = code.replace("localhost:8000", f"localhost:{self.port}")
        env = self.env | {"FLYTEUI_PORT": str(port or self.port)}
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", code], cwd=self.folder, env=env, input=TYPED,
            capture_output=True, text=True, timeout=NET_SECONDS, check=False,
            start_new_session=True,  # without a terminal, one is asked at the input
        )  # fmt: skip

    def run(self, code: str) -> str:
        done = self.shell(code)
        assert done.returncode == 0, f"{code}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def submit(self, *arguments: str) -> str:
        found = RUN_URL.search(self.run(" ".join(["flyte", "run", *arguments])).replace("\n", ""))
        assert found
        return found.group(4)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """Built, installed and started; the client's configuration is written, and the files of the documents are saved."""
    user = tmp_path_factory.mktemp("user")
    build_wheel(user / "dist")
    server = Installed(user)
    install(server, user)
    server.folder.mkdir()
    for name, code in {**files(), "grouped.py": GROUPED}.items():
        (server.folder / name).write_text(code)
    (server.folder / "cert.pem").write_text(trustme.CA().cert_pem.bytes().decode())
    server.start()
    server.run("flyteui config --write")
    yield server
    server.stop()


def build_wheel(folder: Path) -> None:
    """With what `make setup` has installed, instead of a build environment of its own."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, check=True)


def install(server: Installed, user: Path) -> None:
    """uv tool install, with the versions of the lock: a release of somebody else is not what this is about."""
    (wheel,) = (user / "dist").glob("*.whl")
    cache = subprocess.run([TOOLS / "uv", "cache", "dir"], capture_output=True, text=True, check=True)
    command: list[str | Path] = [TOOLS / "uv", "tool", "install", "--quiet", "--python", sys.executable,
               "--constraints", ROOT / "requirements.lock", "--with-executables-from", "flyte", wheel]  # fmt: skip
    done = subprocess.run(
        command, cwd=user, capture_output=True, text=True, check=False,
        env={**server.env, "UV_CACHE_DIR": cache.stdout.strip(), "UV_TOOL_BIN_DIR": str(server.bin)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_page_has_its_scripts_and_its_styles_in_one_file_of_each_kind(installed: Installed):
    page = plain_http.get(f"{installed.url}/executors/").text
    own = re.findall(r"/static/((?:css|js|dist)/[^\"]+)", page)

    assert own == ["dist/app.css", "dist/app.js"]
    assert [plain_http.get(f"{installed.url}/static/{name}").status_code for name in own] == [200, 200]


def test_up_says_what_a_newcomer_does_next(installed: Installed):
    demo = rf"A demo run:\s+{installed.url}/v2/domain/development/project/flytesnacks/runs/(\w+)"
    found = wait_until(lambda: re.search(demo, installed.log.read_text()), "the demo has begun")

    said = installed.log.read_text()
    assert f"flyteui is up:  {installed.url}/" in said
    assert f"flyteui --port {installed.port} flyte run FILE.py TASK" in said
    assert installed.wait_running(found[1], "trial", 1)
    installed.run(f"flyteui abort {found[1]}")


def test_nothing_of_it_comes_from_the_checkout(installed: Installed):
    commands = processes_of(installed).values()

    assert len(commands) >= 2
    assert [one for one in commands if "flyteui.web" in one] != []
    assert [one for one in commands if str(ROOT) in one] == []
    assert installed.run("flyteui --version").startswith("flyteui 0.")


def test_a_file_of_ones_own_runs_and_a_click_aborts_a_row(page: Page, installed: Installed):
    run = installed.submit("hello.py", "main", "--trials", "2")
    victim = installed.wait_running(run, "trial", 2)[0]
    open_run(page, installed, run)

    abort_row(page, victim)

    expect_phase(page, victim, "aborted")
    assert installed.output(run, victim).endswith("cleans up\n")
    assert installed.phase(run) is Phase.RUNNING
    installed.abort(run)


def test_a_configuration_that_is_there_is_kept_unless_somebody_agrees(installed: Installed):
    other = installed.folder / "other" / "config.yaml"
    other.parent.mkdir()
    other.write_text("admin:\n  endpoint: dns:///flyte.example.com\n")

    refused = installed.shell("flyteui config --write other/config.yaml")
    assert refused.returncode == 1
    assert "was not changed" in refused.stderr
    assert "example.com" in other.read_text()

    installed.run("flyteui config --write other/config.yaml --yes")
    assert f"endpoint: {installed.url}" in other.read_text()
    assert "example.com" in other.with_name("config.yaml.before").read_text()

    in_front = installed.folder / "other" / ".flyte"
    in_front.mkdir()
    (in_front / "config.yaml").write_text("")
    said = installed.shell(
        "cd other && mv config.yaml elsewhere && flyteui config --write $HOME/.flyte/config.yaml"
    )
    assert "the client reads" in said.stderr
    assert str(Path("other/.flyte/config.yaml")) in said.stderr


def test_a_port_that_is_taken_says_by_whom(installed: Installed):
    same = installed.shell("flyteui up")
    another = installed.shell("flyteui up --home elsewhere")
    port = free_port()
    program = installed.folder / "listens.py"
    program.write_text(
        "import http.server, sys\n"
        f"http.server.HTTPServer(('127.0.0.1', {port}), http.server.SimpleHTTPRequestHandler).serve_forever()\n"
    )
    with subprocess.Popen([sys.executable, program], stderr=subprocess.DEVNULL) as listening:
        wait_until(lambda: listens(port), "it listens")
        strange = installed.shell("flyteui up", port=port)
        listening.kill()

    assert "with this home: open" in same.stderr
    assert f"with another home: {installed.home}" in another.stderr
    assert f"flyteui up --port {installed.port + 1}" in another.stderr
    assert "another program than flyteui" in strange.stderr
    assert {same.returncode, another.returncode, strange.returncode} == {1}


def listens(port: int) -> bool:
    try:
        return bool(plain_http.get(f"http://127.0.0.1:{port}/", timeout=2).status_code)
    except httpx.HTTPError:
        return False


def test_the_documentation_is_read_without_a_network(page: Page, installed: Installed):
    """The fixture fails for what the content security policy refuses: it is as strict as for other pages."""
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url))
    page.goto(f"{installed.url}/")
    page.get_by_role("link", name="Docs").click()
    expect(page.get_by_role("heading", name="flyteui", level=1)).to_be_visible()

    page.get_by_role("link", name="Read the story of an abort").first.click()
    expect(page.get_by_role("heading", name="Three instants")).to_be_visible()
    page.get_by_role("button", name="Search").first.click()
    page.get_by_placeholder("Search").last.fill("lease")
    expect(page.locator("body")).to_contain_text("EXECUTOR_LEASE_SECONDS")

    assert {url for url in asked if not url.startswith((installed.url, "data:", "blob:"))} == set()


@pytest.mark.parametrize("width", [1440, 360])
def test_every_page_of_the_documentation_leads_back_to_the_dashboard(
    page: Page, installed: Installed, width: int
):
    page.set_viewport_size({"width": width, "height": 720})
    for place in ("", "how-to/secrets/", "explanation/abort/"):
        page.goto(f"{installed.url}/docs/{place}")
        expect(page.get_by_role("link", name="Dashboard", exact=True)).to_be_in_viewport(ratio=1)

    page.get_by_role("link", name="Dashboard", exact=True).click()
    page.wait_for_url("**/runs")


def test_an_address_that_the_documentation_does_not_have_still_has_its_bar(
    failing_page: Page, installed: Installed
):
    lost = f"{installed.url}/docs/how-to/nothing/"
    answers: list[Response] = []

    def note(answer: Response) -> None:
        answers.append(answer)

    failing_page.on("response", note)
    failing_page.goto(lost)

    expect(failing_page.get_by_role("link", name="Dashboard", exact=True)).to_be_visible()
    failing_page.wait_for_load_state("networkidle")
    assert [answer.url for answer in answers if not answer.ok] == [lost]


def test_the_client_that_came_along_needs_no_configuration(installed: Installed):
    assert "flytesnacks" in installed.run("cd / && FLYTECTL_CONFIG=/nowhere flyteui flyte get project")


@pytest.fixture(scope="module")
def live(installed: Installed) -> tuple[str, str]:
    """A run and an action of it, for the commands that name one."""
    run = installed.submit("grouped.py", "main")
    return run, installed.wait_running(run, "trial", 3)[0]


def runnable() -> list[Block]:
    found = [block for block in blocks() if not block.note]
    # What ends the live run comes last.
    return sorted(found, key=lambda block: "abort run <run-name>" in block.code or "AbortRun" in block.code)


@pytest.mark.parametrize("block", runnable(), ids=lambda block: f"{block.page}-{block.code.split()[-1]}")
def test_the_documents_say_what_works(installed: Installed, live: tuple[str, str], block: Block):
    run, action = live
    lines = [line for line in block.code.splitlines() if re.sub(r"\s+#.*", "", line) not in DONE]
    code = "\n".join(lines)
    if "deletions" in code:  # they are for runs that have ended
        run, another = (ended_run(installed, size) for size in ("2x2", "3x2"))
        code = code.replace("<another>", another)

    installed.run(code.replace("<run-name>", run).replace("<action-name>", action))


def ended_run(installed: Installed, shape: str) -> str:
    found = RUN_URL.search(installed.run(f"flyteui demo --shape {shape}"))
    assert found
    return found.group(4)


def test_it_stops_within_five_seconds_and_leaves_nothing(installed: Installed):
    took = installed.stop(signal.SIGINT)

    assert installed.process is not None
    assert installed.process.returncode == 0
    assert installed.is_in_time(took)
    assert processes_of(installed) == {}
