"""An image with a package whose build does not end. The test makes it, and says where."""

import os
from pathlib import Path

import flyte

PROJECT = Path(os.environ["FLYTEUI_TEST_PROJECT"]) / "pyproject.toml"
image = flyte.Image.from_debian_base(name="slow").with_uv_project(
    PROJECT, project_install_mode="install_project"
)
env = flyte.TaskEnvironment("slow", image=image)


@env.task
async def main() -> str:
    return "never"
