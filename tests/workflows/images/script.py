# /// script
# requires-python = ">=3.11"
# dependencies = ["cowsay==6.0", "flyte"]
# ///
"""A script that says itself what it needs."""

from importlib.metadata import version

import flyte

env = flyte.TaskEnvironment("script", image=flyte.Image.from_uv_script(__file__, name="script"))


@env.task
async def main() -> str:
    import cowsay

    return f"{cowsay.__name__} {version('cowsay')}"
