"""An image that no build of ours makes."""

import flyte

image = flyte.Image.from_debian_base(name="elsewhere").with_pip_packages("cowsay==5.0")
env = flyte.TaskEnvironment("elsewhere", image=image)


@env.task
async def main() -> str:
    return "never"
