"""A run brings its own packages: the real client has its image built by a run of ours, once, whoever asks for it."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import uv

from runs.domain.names import ROOT
from runs.domain.phases import Phase
from runs.executor.environments.layout import Environment, environment_folder, python_of, read_environment
from runs.executor.images.errors import PythonNotFound
from runs.executor.images.interpreters import find_python
from tests.support import plain_http
from tests.support.long import long_or_short
from tests.support.nets import NET_SECONDS
from tests.support.processes import is_alive
from tests.support.server.server import RUN_URL, Server, wait_until

FLOWS = "tests/workflows/images"
BUILDS = long_or_short(20, 6)
SYSTEM = {"project": "system", "domain": "production", "name": "build-image"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("images"))
    # What the machine has fetched before serves here, too; and the client itself asks uv about projects.
    cache = subprocess.run([uv.find_uv_bin(), "cache", "dir"], check=True, capture_output=True, text=True)
    server.env["UV_CACHE_DIR"] = os.environ.get("UV_CACHE_DIR", cache.stdout.strip())
    server.env["PATH"] = f"{Path(uv.find_uv_bin()).parent}{os.pathsep}{server.env['PATH']}"
    server.start()
    yield server
    server.stop()


def build(server: Server, flow: str, environment: str) -> str:
    """`flyte build`; returns the name of the build's run, "" when there was nothing to build."""
    printed = server.cli("build", f"{FLOWS}/{flow}.py", environment)
    found = RUN_URL.search(printed.replace("\n", ""))
    return found[4] if found else ""


def images(server: Server, name: str, *, build_run: str = "") -> list[dict[str, str]]:
    """The rows of the images of this name, the last one first; or those that this run has built."""
    rows = server.query(
        "SELECT i.*, r.name AS run FROM runs_image i LEFT JOIN runs_run r ON r.id = i.build_run_id "
        "WHERE i.name LIKE ? ORDER BY i.id DESC",
        f"{name}:%",
    )
    return [dict(row) for row in rows if not build_run or row["run"] == build_run]


def made(server: Server, name: str, *, build_run: str = "") -> tuple[Path, Environment]:
    """The environment of the only image of this name, or of the one that this run has built."""
    (image,) = images(server, name, build_run=build_run)
    folder = environment_folder(server.home / "environments", image["environment"])
    return folder, read_environment(folder)


def run_in(folder: Path, code: str) -> str:
    """What a new process of the environment's own Python prints."""
    done = subprocess.run(
        [python_of(folder), "-c", code],
        capture_output=True,
        text=True,
        timeout=NET_SECONDS,
        check=True,
        cwd=folder,
    )
    return done.stdout.strip()


def outputs(server: Server, run: str) -> str:
    assert server.wait_ended(run) is Phase.SUCCEEDED, server.actions(run)[ROOT]["error_message"]
    return server.cli("get", "io", run)


@pytest.fixture(scope="module")
def built(server: Server) -> str:
    """The run that has built the image of the environment `old`."""
    return build(server, "cow", "old")


@pytest.fixture(scope="module")
def herd(server: Server, built: str) -> str:
    """A run with two environments, one of which its client has had built."""
    run = server.submit(f"{FLOWS}/cow.py", "main")
    server.wait_ended(run)
    return run


def details(server: Server, run: str) -> str:
    path = f"/v2/domain/development/project/flytesnacks/runs/{run}"
    return plain_http.get(f"{server.url}{path}/actions/a0?tab=details", timeout=NET_SECONDS).text


def test_flyte_build_makes_the_environment_by_a_run_with_a_log_of_its_own(server: Server, built: str):
    folder, about = made(server, "cow", build_run=built)

    code = "import cowsay, importlib.metadata as m; print(m.version('cowsay'))"
    assert run_in(folder, code) == "6.0"
    (image,) = images(server, "cow", build_run=built)
    assert about.image == f"flyteui.local/{image['name']}"
    assert server.phase(built) is Phase.SUCCEEDED
    assert " + cowsay==6.0" in server.output(built)
    assert server.actions(built)[ROOT]["short_name"] == f"build {image['name'][:11]}"  # cow:f9471f0


def test_what_was_built_is_not_built_again_and_the_run_says_which_build_made_it(server: Server, built: str):
    again = build(server, "cow", "old")
    run = server.submit(f"{FLOWS}/cow.py", "in_old")
    server.wait_ended(run)

    assert again == ""
    assert f'/runs/{built}">run <code>{built}</code>' in details(server, run)


def test_two_environments_of_one_run_have_different_versions_of_a_package(server: Server, herd: str):
    assert "cowsay 6.0 and cowsay 6.1" in outputs(server, herd)


def test_what_only_a_container_has_is_said_in_the_log_and_on_the_page(server: Server, built: str, herd: str):
    (image,) = (one for one in images(server, "cow") if one["run"] != built)
    _, about = made(server, "cow", build_run=image["run"])

    assert about.not_honoured == ["apt packages: ffmpeg"]
    assert server.output(image["run"]).count("apt packages: ffmpeg") == 1
    assert "apt packages: ffmpeg" in details(server, herd)


def test_a_uv_project_has_what_its_lock_says_and_its_own_package(server: Server):
    run = server.submit(f"{FLOWS}/locked.py", "main")

    assert "mine 1.2.3, cowsay 6.0" in outputs(server, run)


def test_a_uv_script_has_what_it_declares(server: Server):
    run = server.submit(f"{FLOWS}/script.py", "main")

    assert "cowsay 6.0" in outputs(server, run)
    _, about = made(server, "script")
    assert about.not_honoured == []


def test_pandas_and_numpy_are_those_that_the_image_pins(server: Server):
    run = server.submit(f"{FLOWS}/tables.py", "main")

    assert "pandas 2.3.3, numpy 2.3.5, 45" in outputs(server, run)


def test_a_build_that_fails_names_the_package(server: Server):
    printed = server.cli("build", f"{FLOWS}/failing.py", "env", code=1)

    found = RUN_URL.search(printed.replace("\n", ""))
    assert found, printed
    root = server.actions(found[4])[ROOT]
    assert (Phase(root["phase"]), root["error_code"]) == (Phase.FAILED, "PackageNotFound")
    assert (
        "The package flyteui-has-no-such-package does not exist in the package index" in root["error_message"]
    )
    log = server.output(found[4])
    assert " ".join(log.split()).count("was not found in the package registry") == 1
    assert log.rstrip().endswith("Check its name, or name its index (index_url).")
    assert "Traceback" not in log
    (image,) = images(server, "failing")
    assert image["environment"] == ""


def slow_project(folder: Path) -> Path:
    """A project whose build writes its process' number, and does not end. Returns the file with that."""
    pid_file = folder / "pid"
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "slow"\nversion = "1"\nrequires-python = ">=3.11"\n'
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    )
    (folder / "backend.py").write_text(
        "import os, time\ndef get_requires_for_build_wheel(config=None):\n"
        f"    open({str(pid_file)!r}, 'w').write(str(os.getpid()))\n    time.sleep(3600)\n"
    )
    subprocess.run([uv.find_uv_bin(), "lock", "--offline"], cwd=folder, check=True, capture_output=True)
    return pid_file


def test_an_aborted_build_kills_uv_and_leaves_nothing(server: Server, tmp_path: Path):
    pid_file = slow_project(tmp_path)
    server.env["FLYTEUI_TEST_PROJECT"] = str(tmp_path)
    client = server.flyte("build", f"{FLOWS}/slow.py", "env")
    pid = int(wait_until(lambda: pid_file.exists() and pid_file.read_text(), "uv builds the package"))
    (image,) = images(server, "slow")
    run = image["run"]

    server.abort(run)

    assert server.wait_ended(run) is Phase.ABORTED
    wait_until(lambda: not is_alive(pid), "what uv has started is gone")
    left = [path.name for path in (server.home / "environments").glob(".*-*")]
    assert left == []
    assert "Build failed" in server.finish(client, code=1)


@pytest.mark.long
def test_many_builds_of_one_image_at_once_are_one_build(server: Server):
    client = server.flyte("build", f"{FLOWS}/many.py", "env")
    (image,) = wait_until(lambda: images(server, "many"), "the client has asked for a build")
    (inputs,) = server.query(
        "SELECT a.input_uri FROM runs_action a JOIN runs_run r ON r.id = a.run_id WHERE r.name = ?",
        image["run"],
    )

    def start(_: int) -> str:
        answer = server.call(
            "flyteidl2.workflow.RunService/CreateRun",
            {
                "projectId": {"organization": "flyteui", "name": "flytesnacks", "domain": "development"},
                "taskSpec": {"taskTemplate": {"id": SYSTEM}},
                "offloadedInputData": {"uri": inputs["input_uri"]},
                "runSpec": {"envs": {}},
            },
        )
        answer.raise_for_status()
        return str(answer.json()["run"]["action"]["id"]["run"]["name"])

    with ThreadPoolExecutor(BUILDS - 1) as threads:
        runs = [image["run"], *threads.map(start, range(BUILDS - 1))]

    assert {server.wait_ended(run) for run in runs} == {Phase.SUCCEEDED}
    server.finish(client)
    logs = [server.output(run) for run in runs]
    assert len([log for log in logs if re.search(r"^\[1/", log, re.MULTILINE)]) == 1
    assert [log for log in logs if "builds the same image; waiting for it" in log] != []


def other_python() -> str:
    """A minor version that this machine has and the worker's own Python is not."""
    for version in ("3.12", "3.13", "3.14", "3.11"):
        if version != ".".join(map(str, sys.version_info[:2])):
            try:
                environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
                asyncio.run(find_python(version, environment, print))
            except PythonNotFound:
                continue
            return version
    pytest.skip("this machine has one Python only")


def test_an_image_of_the_sdk_with_another_python_is_built_for_the_first_run_that_needs_it(server: Server):
    version = other_python()
    server.env["FLYTEUI_TEST_PYTHON"] = version
    run = server.submit(f"{FLOWS}/other_python.py", "main")
    ended = server.wait_ended(run)

    (image,) = (one for one in images(server, "flyte") if one["name"].startswith(f"flyte:py{version}-v"))
    folder, about = made(server, "flyte", build_run=image["run"])
    assert about.python.startswith(f"{version}.")
    assert run_in(folder, "import sys; print('%d.%d' % sys.version_info[:2])") == version
    [built_in] = server.query(
        "SELECT p.name FROM runs_run r JOIN runs_project p ON p.id = r.project_id WHERE r.name = ?",
        image["run"],
    )
    assert built_in["name"] == "system"
    assert ended is Phase.SUCCEEDED
    assert version in outputs(server, run)


def test_an_image_that_the_client_builds_itself_fails_with_the_setting_that_helps(server: Server):
    server.env["FLYTE_IMAGE_BUILDER"] = "local"
    try:
        run = server.submit(f"{FLOWS}/elsewhere.py", "main")
    finally:
        del server.env["FLYTE_IMAGE_BUILDER"]

    assert server.wait_ended(run) is Phase.FAILED
    root = server.actions(run)[ROOT]
    assert root["error_code"] == "ImageNotBuilt"
    assert "image.builder: remote" in root["error_message"]
    assert root["started_at"] is None


def test_a_missing_module_is_in_the_log_with_what_to_do(server: Server):
    run = server.submit(f"{FLOWS}/missing.py", "main")

    assert server.wait_ended(run) is Phase.FAILED
    error, log = server.actions(run)[ROOT]["error_message"], server.output(run)
    for text in (error, log):
        assert "No module named 'flyteui_has_no_such_module'" in text
        assert '.with_pip_packages("flyteui_has_no_such_module")' in text
