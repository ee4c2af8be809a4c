"""An image with a package that does not exist."""

import flyte

image = flyte.Image.from_debian_base(name="failing").with_pip_packages("flyteui-has-no-such-package")
env = flyte.TaskEnvironment("failing", image=image)


@env.task
async def main() -> str:
    return "never"
