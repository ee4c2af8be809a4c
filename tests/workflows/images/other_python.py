"""An image of the SDK as it is, with another Python than the worker's: nobody asks for its build."""

import os
import sys

import flyte

VERSION = tuple(int(part) for part in os.environ.get("FLYTEUI_TEST_PYTHON", "3.11").split("."))
env = flyte.TaskEnvironment("other_python", image=flyte.Image.from_debian_base(python_version=VERSION))


@env.task
async def main() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"
