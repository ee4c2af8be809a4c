"""A module that starts a thread while it is imported, as clients of some services do."""

import asyncio
import threading
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="threaded")
threading.Thread(target=threading.Event().wait, daemon=True).start()


@env.task
async def main(gate: str) -> None:
    while not Path(gate).exists():
        await asyncio.sleep(0.01)
