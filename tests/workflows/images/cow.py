"""Two environments of one run, with different versions of a package that the worker's own Python does not have."""

from importlib.metadata import version

import flyte

base = flyte.Image.from_debian_base(name="cow")
old = flyte.TaskEnvironment("old", image=base.with_pip_packages("cowsay==6.0"))
new = flyte.TaskEnvironment(
    "new", image=base.with_pip_packages("cowsay==6.1").with_apt_packages("ffmpeg"), depends_on=[old]
)


@old.task
async def in_old() -> str:
    import cowsay

    return f"{cowsay.__name__} {version('cowsay')}"


@new.task
async def main() -> str:
    import cowsay

    return f"{await in_old()} and {cowsay.__name__} {version('cowsay')}"
