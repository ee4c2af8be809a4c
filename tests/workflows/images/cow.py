"""Environments with packages that the worker's own Python does not have."""

import flyte

old = flyte.TaskEnvironment(
    "old", image=flyte.Image.from_debian_base(name="cow").with_pip_packages("cowsay==6.0")
)
new = flyte.TaskEnvironment(
    "new",
    image=flyte.Image.from_debian_base(name="cow")
    .with_pip_packages("cowsay==6.1")
    .with_apt_packages("ffmpeg"),
    depends_on=[old],
)


def version() -> str:
    from importlib.metadata import version

    import cowsay  # noqa: F401

    return version("cowsay")


@old.task
async def in_old() -> str:
    return version()


@new.task
async def main() -> str:
    return f"old {await in_old()}, new {version()}"
