"""A run whose tasks get secrets as a variable and as a file, and print and raise them. What it returns are digests."""

import asyncio
import hashlib
import os
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(
    "holder",
    secrets=[
        flyte.Secret("E2E-TOKEN", as_env_var="TOKEN"),
        flyte.Secret("E2E_FILE", mount=Path("/etc/flyte/secrets")),
    ],
)
plain = flyte.TaskEnvironment("plain")
absent = flyte.TaskEnvironment("absent", secrets=flyte.Secret("E2E_ABSENT"))
main_env = flyte.TaskEnvironment("main", depends_on=[env, plain, absent])


def read() -> str:
    token = os.environ["TOKEN"]
    text = (Path(os.environ["FLYTE_SECRETS_DEFAULT_DIR"]) / "E2E_FILE").read_text()
    print("the token is", token, "and the file is", text)
    return hashlib.sha256((token + text).encode()).hexdigest()[:8]


@env.task
async def in_loop() -> str:
    return read()


@env.task
def in_process() -> str:
    return read()


@env.task(retries=1)
async def fails_at_first() -> str:
    if os.environ["FLYTE_ATTEMPT_NUMBER"] == "0":
        raise ValueError(f"refused for {os.environ['TOKEN']}")
    return read()


@env.task
async def fails() -> str:
    raise ValueError(f"refused for {os.environ['TOKEN']}")


@env.task
async def outlives_its_executor(gate: str) -> str:
    print("folder", os.environ["FLYTE_SECRETS_DEFAULT_DIR"], flush=True)
    while not Path(gate).exists():
        await asyncio.sleep(0.01)
    return read()


@plain.task
async def without() -> str:
    return os.environ.get("TOKEN", "nothing")


@absent.task
async def asks_for_what_is_not_there() -> str:
    return "never"


@main_env.task
async def main() -> str:
    found = await asyncio.gather(in_loop(), in_process.aio(), fails_at_first(), without())
    failed = await asyncio.gather(fails(), asks_for_what_is_not_there(), return_exceptions=True)
    print("of its own:", os.environ.get("TOKEN", "nothing"))
    return " ".join([*found, *(str(type(one).__name__) for one in failed)])
