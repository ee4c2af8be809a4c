"""A uv project with a lock, whose own package lies in src/."""

from pathlib import Path

import flyte

PROJECT = Path(__file__).parent / "project" / "pyproject.toml"
image = flyte.Image.from_debian_base(name="locked").with_uv_project(
    PROJECT, project_install_mode="install_project"
)
env = flyte.TaskEnvironment("locked", image=image)


@env.task
async def main() -> str:
    import mine

    return mine.versions()
