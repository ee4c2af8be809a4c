"""An image that many ask for at once."""

import flyte

image = flyte.Image.from_debian_base(name="many").with_pip_packages("cowsay==5.0", "iniconfig==2.0.0")
env = flyte.TaskEnvironment("many", image=image)


@env.task
async def main() -> str:
    return "never"
