"""The plan of an image, from the layers as the real SDK sends them."""

from __future__ import annotations

import os
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import flyte
import pytest
import uv
from flyte._internal.imagebuild.remote_builder import _get_layers_proto
from flyteidl2.imagebuilder import definition_pb2 as idl

from runs.domain.images import Versions
from runs.executor.images.pixi import NOT_HERE
from runs.executor.images.plan import CONTEXT_MARK, ENVIRONMENT_MARK, Copy, Plan, make_plan

OWN = Versions("3.11", "2.12.1")
INTO = ("pip", "install", "--python", f"{ENVIRONMENT_MARK}/bin/python")
Change = Callable[[flyte.Image], flyte.Image]


def plan_of(image: flyte.Image, context: Path, **variables: str) -> Plan:
    return make_plan(_get_layers_proto(image, context), OWN, variables)


def debian(**options: object) -> flyte.Image:
    return flyte.Image.from_debian_base(name="test", **options)  # type: ignore[arg-type]


def commands(plan: Plan) -> list[tuple[str, ...]]:
    return [step.arguments for step in plan.steps]


@pytest.mark.parametrize(
    ("change", "command"),
    [
        (lambda image: image.with_pip_packages("a==1", "b[c]>2,<3"), (*INTO, "a==1", "b[c]>2,<3")),
        (
            lambda image: image.with_pip_packages(
                "a", index_url="https://one/simple", extra_index_urls=["https://two/simple"], pre=True,
                extra_args="--no-deps --config-settings 'x=a b'",
            ),
            (*INTO, "--default-index", "https://one/simple", "--index", "https://two/simple", "--prerelease", "allow",
             "--no-deps", "--config-settings", "x=a b", "a"),
        ),
    ],
)  # fmt: skip
def test_packages_become_one_command_of_uv(tmp_path: Path, change: Change, command: tuple[str, ...]):
    assert commands(plan_of(change(debian()), tmp_path)) == [command]


def test_requirements_are_read_from_the_context(tmp_path: Path):
    file = tmp_path / "project" / "requirements.txt"
    file.parent.mkdir()
    file.write_text("a==1\n")

    [command] = commands(plan_of(debian().with_requirements(file), tmp_path / "context"))

    assert command[:-1] == (*INTO, "--requirement")
    assert Path(command[-1].replace(CONTEXT_MARK, str(tmp_path / "context"))).read_text() == "a==1\n"


def test_wheels_win_over_what_the_index_has(tmp_path: Path):
    layer = idl.Layer(python_wheels=idl.PythonWheels(dir="dist", package_name="mine"))

    exactly, needs = commands(make_plan(idl.ImageSpec(layers=[layer]), OWN, {}))

    assert needs == (*INTO, "--find-links", f"{CONTEXT_MARK}/dist", "mine")
    assert {"--no-index", "--no-deps", "--reinstall-package"} < set(exactly)


@pytest.mark.parametrize("has_lock", [True, False])
@pytest.mark.parametrize("mode", ["dependencies_only", "install_project"])
def test_a_uv_project_is_synchronised_as_its_lock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_lock: bool, mode: str
):
    # The client asks uv which dependencies are editable.
    monkeypatch.setenv("PATH", f"{Path(uv.find_uv_bin()).parent}{os.pathsep}{os.environ['PATH']}")
    folder = tmp_path / "project"
    (folder / "src" / "mine").mkdir(parents=True)
    (folder / "src" / "mine" / "__init__.py").touch()
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.11"\n'
    )
    if has_lock:
        subprocess.run([uv.find_uv_bin(), "lock", "--offline"], cwd=folder, check=True)
    image = debian().with_uv_project(folder / "pyproject.toml", project_install_mode=mode)  # type: ignore[arg-type]

    plan = plan_of(image, context := tmp_path / "context")

    [command] = commands(plan)
    project = Path(command[command.index("--project") + 1].replace(CONTEXT_MARK, str(context)))
    assert command[0] == "sync"
    assert {"--no-editable", "--inexact"} < set(command)
    assert ("--frozen" in command) is has_lock
    assert ("--no-install-project" in command) is (mode == "dependencies_only")
    assert (project / "pyproject.toml").exists()
    assert (project / "src").exists() is (mode == "install_project")


def test_a_lock_beside_its_project_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Also of a project in the folder where one is, which the client names by `.`."""
    monkeypatch.setenv("PATH", f"{Path(uv.find_uv_bin()).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    Path("pyproject.toml").write_text('[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.11"\n')
    subprocess.run([uv.find_uv_bin(), "lock", "--offline"], check=True)
    Path("poetry.lock").touch()

    of_uv = plan_of(debian().with_uv_project("pyproject.toml"), tmp_path / "context")
    of_poetry = plan_of(debian().with_poetry_project("pyproject.toml"), tmp_path / "other")

    assert [step.copies for plan in (of_uv, of_poetry) for step in plan.steps if step.copies] == []


def test_a_poetry_project_is_installed_from_what_its_lock_pins(tmp_path: Path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "mine"\nversion = "1"\n')
    (folder / "poetry.lock").touch()
    image = debian().with_poetry_project(folder / "pyproject.toml", extra_args="--only main --sync")

    plan = plan_of(image, tmp_path / "context")

    export, install = commands(plan)
    assert export[:2] == ("tool", "run")
    assert export[-2:] == ("--only", "main")
    assert install[-2:] == ("--requirement", f"{CONTEXT_MARK}/poetry-requirements.txt")
    assert plan.not_honoured == ["poetry install --sync"]


def test_the_base_tag_gives_python_and_flyte():
    plan = make_plan(
        idl.ImageSpec(base_image="ghcr.io/flyteorg/flyte:py3.12-v2.9.0", python_version="3.11"), OWN, {}
    )

    assert (plan.python, plan.flyte, plan.not_honoured) == ("3.12", "2.9.0", [])


def test_without_one_the_declared_python_counts_and_the_workers_flyte():
    plan = make_plan(idl.ImageSpec(base_image="python:3.12-slim-bookworm", python_version="3.12"), OWN, {})

    assert (plan.python, plan.flyte, plan.not_honoured) == ("3.12", "", [])


@pytest.mark.parametrize("options", [{}, {"install_flyte": False}, {"python_version": (3, 12)}])
def test_what_the_sdk_itself_adds_is_not_mentioned(tmp_path: Path, options: dict[str, object]):
    plan = plan_of(debian(**options).with_pip_packages("a"), tmp_path)

    assert (plan.not_honoured, plan.env, plan.workdir) == ([], {}, "")


def test_a_uv_script_gives_its_packages_and_no_warning(tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text('# /// script\n# requires-python = ">=3.11"\n# dependencies = ["a==1", "b"]\n# ///\n')

    plan = plan_of(flyte.Image.from_uv_script(script, name="script"), tmp_path / "context")

    assert commands(plan) == [(*INTO, "a==1", "b")]
    assert plan.not_honoured == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda image: image.with_apt_packages("ffmpeg", "curl", "vim"), "apt packages: ffmpeg, vim"),
        (lambda image: image.with_commands(["make install"]), "command: make install"),
        (
            lambda image: image.with_pip_packages("a", secret_mounts=flyte.Secret(key="token", group="g")),
            "secret g/token of the build",
        ),
    ],
)
def test_what_takes_a_container_is_named_once(tmp_path: Path, change: Change, said: str):
    plan = plan_of(change(change(debian())), tmp_path)

    assert plan.not_honoured == [said]


def test_a_foreign_base_image_is_named():
    plan = make_plan(idl.ImageSpec(base_image="nvidia/cuda:12.4.1-runtime"), OWN, {})

    assert plan.not_honoured == ["base image nvidia/cuda:12.4.1-runtime"]


def pixi_project(folder: Path, *, has_lock: bool = False) -> Path:
    folder.mkdir()
    (folder / "pixi.toml").touch()
    (folder / "mine.py").touch()
    if has_lock:
        (folder / "pixi.lock").touch()
    return folder


def test_without_pixi_its_project_is_named_and_not_what_it_is_lowered_to(tmp_path: Path):
    image = debian().with_pixi_project(pixi_project(tmp_path / "mine", has_lock=True)).with_pip_packages("a")

    plan = plan_of(image, tmp_path / "context")

    assert plan.not_honoured == [NOT_HERE]
    assert (plan.env, plan.copies, plan.pixi, plan.prefix) == ({}, [], [], "")
    assert commands(plan) == [(*INTO, "a")]


@pytest.mark.parametrize("has_lock", [True, False])
@pytest.mark.parametrize("mode", ["dependencies_only", "install_project"])
def test_with_pixi_its_project_is_installed_as_its_lock_says(tmp_path: Path, has_lock: bool, mode: str):
    folder = pixi_project(tmp_path / "mine", has_lock=has_lock)
    image = debian().with_pixi_project(
        folder, environment="gpu", extra_args="--concurrent-solves '2'", project_install_mode=mode  # type: ignore[arg-type]
    )  # fmt: skip

    plan = make_plan(_get_layers_proto(image, tmp_path / "context"), OWN, {}, has_pixi=True)

    [install] = plan.pixi
    assert (install.manifest, install.environment) == ("pixi.toml", "gpu")
    assert install.options == (*(("--locked",) if has_lock else ()), "--concurrent-solves", "2")
    assert {target: (tmp_path / "context" / source).is_dir() for source, target in install.copies} == (
        {".": True}
        if mode == "install_project"
        else {"pixi.toml": False, **({"pixi.lock": False} if has_lock else {})}
    )
    assert plan.prefix == "pixi/.pixi/envs/gpu"
    assert (plan.not_honoured, plan.env, plan.copies, plan.steps) == ([], {}, [], [])


def test_a_pixi_script_is_a_project_with_the_manifest_that_the_sdk_writes(tmp_path: Path):
    script = tmp_path / "script.py"
    script.write_text(
        '# /// script\n# requires-python = ">=3.12"\n# dependencies = ["a==1"]\n'
        '# [tool.pixi.dependencies]\n# xz = "*"\n# ///\n'
    )
    image = flyte.Image.from_pixi_script(script, name="script")

    plan = make_plan(_get_layers_proto(image, tmp_path / "context"), OWN, {}, has_pixi=True)

    [install] = plan.pixi
    [(source, target)] = install.copies
    manifest = tomllib.loads((tmp_path / "context" / source).read_text())
    assert (target, install.environment) == ("pixi.toml", "default")
    assert manifest["dependencies"] == {"xz": "*", "python": ">=3.12"}
    assert plan.not_honoured == []


@pytest.mark.parametrize("line", ["pixi install", "cd /app && pixi install --locked", "pixi install 'x"])
def test_pixi_in_a_command_of_the_user_is_a_command_like_others(tmp_path: Path, line: str):
    plan = make_plan(_get_layers_proto(debian().with_commands([line]), tmp_path), OWN, {}, has_pixi=True)

    assert (plan.pixi, plan.not_honoured) == ([], [f"command: {line}"])


def test_variables_may_name_earlier_ones_and_those_of_the_build(tmp_path: Path):
    image = debian().with_env_vars({"A": "1"}).with_env_vars({"B": "$A/${HOME}", "PATH": "/mine:$PATH"})

    plan = plan_of(image, tmp_path, HOME="/home/ann", PATH="/bin")

    assert plan.env == {"A": "1", "B": "1//home/ann", "PATH": "/mine:/bin"}


def test_copies_lie_relative_to_the_working_folder(tmp_path: Path):
    (tmp_path / "a.txt").touch()
    image = debian().with_workdir("/app").with_source_file(tmp_path / "a.txt").with_source_file(
        tmp_path / "a.txt", "sub/b.txt"
    )  # fmt: skip

    plan = plan_of(image, tmp_path / "context")

    assert [copy.target for copy in plan.copies] == ["/app/", "/app/sub/b.txt"]
    assert plan.workdir == "/app"


@pytest.mark.parametrize(("folders", "place"), [(["/app"], "/app"), (["/app", "sub"], "/app/sub")])
def test_a_working_folder_is_where_copies_lie_and_as_a_path_it_is_named(
    tmp_path: Path, folders: list[str], place: str
):
    image = debian()
    for folder in folders:
        image = image.with_workdir(folder)

    plan = plan_of(image, tmp_path / "context")

    assert plan.workdir == place
    assert plan.not_honoured[-1] == (
        f"working folder {place}: actions begin in a folder of their own, which has its files, not at that path"
    )


def test_a_copy_to_elsewhere_is_named(tmp_path: Path):
    (tmp_path / "a.txt").touch()

    plan = plan_of(debian().with_source_file(tmp_path / "a.txt", "/etc/a.txt"), tmp_path / "context")

    assert plan.copies == [Copy(plan.copies[0].source, "/etc/a.txt")]
    assert plan.not_honoured[0].startswith("files at /etc/a.txt")
