"""Layers that bring files: a wheel, a poetry project, files in a working folder. The real SDK says them, the real uv builds them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import flyte
import pytest
from flyte._image import PythonWheels

from runs.executor.environments.layout import environment_folder
from runs.executor.images.build import Made, build
from tests.support.executor.building import order_of, run_in, variables

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]
POETRY_PROJECT = """
[project]
name = "of-poetry"
version = "1.2"
requires-python = ">=3.11"
dependencies = ["cowsay (==6.0)"]

[tool.poetry]
packages = [{include = "of_poetry", from = "src"}]

[dependency-groups]
dev = ["iniconfig==2.0.0"]

[build-system]
requires = ["poetry-core>=2"]
build-backend = "poetry.core.masonry.api"
"""


# As poetry writes it for the project above, whose digest it holds.
POETRY_LOCK = """
[[package]]
name = "cowsay"
version = "6.0"
description = ""
optional = false
python-versions = "*"
groups = ["main"]
files = [
    {file = "cowsay-6.0-py3-none-any.whl", hash = "sha256:011c067841451ea49baf8ff49c355bd7f659d53fc538459e0a84c12ae2b4e027"},
]

[[package]]
name = "iniconfig"
version = "2.0.0"
description = ""
optional = false
python-versions = ">=3.7"
groups = ["dev"]
files = [
    {file = "iniconfig-2.0.0-py3-none-any.whl", hash = "sha256:b6a85871a79d2e3b22d2d1b94ac2824226a63c6b741c88f7ae975f18b6778374"},
]

[metadata]
lock-version = "2.1"
python-versions = ">=3.11"
content-hash = "e5654a8a7a0c3efbe62f4286356d8f6c0cc7f7ada7344ac7b9e30f5b3addcf42"
"""


async def build_image(image: flyte.Image, folder: Path) -> Made:
    return await build(order_of(image, folder), folder / "environments", variables(), print)


def version(folder: Path, made: Made, name: str) -> str:
    return run_in(
        folder / "environments", made, f"import importlib.metadata as m; print(m.version({name!r}))"
    )


def make_wheel(folder: Path, name: str, number: str, *, says: str, needs: str) -> None:
    """A wheel with one module, made by hand."""
    folder.mkdir()
    about = f"{name}-{number}.dist-info"
    files = {
        f"{name}.py": f"says = {says!r}\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\nRequires-Dist: {needs}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: by-hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{about}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{number}-py3-none-any.whl", "w") as wheel:
        for file, content in {**files, f"{about}/RECORD": record}.items():
            wheel.writestr(file, content)


async def test_a_wheel_is_installed_as_it_is_and_what_it_needs_comes_from_the_index(tmp_path: Path):
    # The index has newer ones of that name.
    make_wheel(tmp_path / "dist", "cowsay", "5.0", says="of the wheel", needs="iniconfig==2.0.0")
    (tmp_path / "words.txt").write_text("of the image")
    image = (
        flyte.Image.from_debian_base(name="test")
        .clone(addl_layer=PythonWheels(wheel_dir=tmp_path / "dist", package_name="cowsay"))
        .with_workdir("/app")
        .with_source_file(tmp_path / "words.txt", "data/")
    )

    made = await build_image(image, tmp_path)

    assert run_in(tmp_path / "environments", made, "import cowsay; print(cowsay.says)") == "of the wheel"
    assert version(tmp_path, made, "iniconfig") == "2.0.0"
    start = environment_folder(tmp_path / "environments", made.digest) / made.environment.workdir
    assert (start / "data" / "words.txt").read_text() == "of the image"
    assert [what.partition(":")[0] for what in made.environment.not_honoured] == ["working folder /app"]


async def test_a_poetry_project_gets_what_its_lock_pins_and_itself(tmp_path: Path):
    folder = tmp_path / "project"
    (folder / "src" / "of_poetry").mkdir(parents=True)
    (folder / "src" / "of_poetry" / "__init__.py").write_text("says = 'of the project'\n")
    (folder / "pyproject.toml").write_text(POETRY_PROJECT)
    (folder / "poetry.lock").write_text(POETRY_LOCK)
    image = flyte.Image.from_debian_base(name="test").with_poetry_project(
        folder / "pyproject.toml", extra_args="--only main", project_install_mode="install_project"
    )

    made = await build_image(image, tmp_path)

    assert version(tmp_path, made, "cowsay") == "6.0"
    assert "PackageNotFoundError" in version(tmp_path, made, "iniconfig")
    said = run_in(tmp_path / "environments", made, "import of_poetry; print(of_poetry.says)")
    assert said == "of the project"
