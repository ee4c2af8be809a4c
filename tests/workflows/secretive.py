"""Tasks that ask for secrets, and let them out in every way that can be masked. A gate is a file that is waited for."""

import asyncio
import base64
import contextvars
import hashlib
import logging
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import flyte
import flyte.report
import flyte.storage
from flyteidl2.core import execution_pb2

env = flyte.TaskEnvironment(name="secretive")
mine = flyte.TaskEnvironment(name="mine", secrets=flyte.Secret("mine", as_env_var="TOKEN"))
other = flyte.TaskEnvironment(name="other", secrets=flyte.Secret("other", as_env_var="TOKEN"))
filed = flyte.TaskEnvironment(
    name="filed",
    secrets=[
        flyte.Secret("cert", mount=Path("/etc/flyte/secrets")),
        flyte.Secret("mine", as_env_var="TOKEN"),
    ],
)
SHOW = "import os; print('sees', os.environ.get('TOKEN', 'nothing')[::-1])"


def digest(text: str) -> str:
    """What a task returns in the place of a secret."""
    return hashlib.sha256(text.encode()).hexdigest()


async def look(gate: str) -> list[str]:
    """What this action sees as TOKEN: at once, beside others, in threads, in processes."""
    seen = [os.environ["TOKEN"]]
    while not Path(gate).exists():
        await asyncio.sleep(0.005)
        seen.append(os.environ["TOKEN"])
    seen.append(await asyncio.to_thread(os.getenv, "TOKEN", ""))
    thread = threading.Thread(target=lambda: seen.append(os.environ["TOKEN"]))
    thread.start()
    thread.join()
    done = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, check=True)
    seen.append(done.stdout.split()[1][::-1])
    return sorted({digest(one) for one in seen})


@mine.task
async def sees_mine(gate: str) -> list[str]:
    return await look(gate)


@other.task
async def sees_other(gate: str) -> list[str]:
    return await look(gate)


@env.task
async def sees_nothing(gate: str) -> list[str]:
    while not Path(gate).exists():
        await asyncio.sleep(0.005)
    done = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, check=True)
    bare = contextvars.Context().run(os.environ.get, "TOKEN")
    return [str("TOKEN" in os.environ), str(dict(os.environ).get("TOKEN")), str(bare), done.stdout.strip()]


@env.task
async def together(gate: str) -> list[list[str]]:
    return list(await asyncio.gather(sees_mine(gate), sees_other(gate), sees_nothing(gate)))


@mine.task
async def changes_it() -> list[str]:
    first = os.environ.pop("TOKEN")
    gone = "TOKEN" in os.environ
    os.environ["TOKEN"] = "set"
    try:
        return [digest(first), str(gone), os.environ["TOKEN"]]
    finally:
        del os.environ["TOKEN"]


def read_files() -> list[str]:
    folder = Path(os.environ["FLYTE_SECRETS_DEFAULT_DIR"])
    modes = [oct(stat.S_IMODE(path.stat().st_mode)) for path in (folder, folder / "cert")]
    print("folder", folder)
    return [*modes, digest((folder / "cert").read_text()), digest(os.environ["TOKEN"]), *os.listdir(folder)]


@filed.task
async def reads_files() -> list[str]:
    return read_files()


@filed.task
def reads_files_in_a_process() -> list[str]:
    done = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, check=True)
    return [*read_files(), digest(done.stdout.split()[1][::-1])]


@filed.task
async def holds_its_file() -> None:
    read_files()
    await asyncio.Event().wait()


@filed.task
def holds_its_file_in_a_process() -> None:
    read_files()
    threading.Event().wait()


def leak() -> None:
    """In output of every kind, in pieces, and encoded."""
    token = os.environ["TOKEN"]
    for place in (sys.stdout, sys.stderr):
        for character in f"plain {token} end\n":
            place.write(character)
            place.flush()
    print("basic", base64.b64encode(f"user:{token}".encode()).decode())
    logging.getLogger("flyte.user").error("logged %s", token)
    subprocess.run(["sh", "-c", 'printf "from sh %s\\n" "$TOKEN"'], check=True)
    os.write(2, f"raw {token}\n".encode())
    raise ValueError(f"refused for {token}")


@mine.task
async def leaks() -> None:
    leak()


@mine.task
def leaks_in_a_process() -> None:
    leak()


@mine.task(report=True)
async def reports() -> None:
    await flyte.report.log.aio(f"<p>the token is {os.environ['TOKEN']}</p>")
    await flyte.report.flush.aio()


@mine.task(report=True)
def reports_in_a_process() -> None:
    flyte.report.log(f"<p>the token is {os.environ['TOKEN']}</p>", do_flush=True)


@mine.task(report=True)
async def reports_and_waits() -> None:
    await flyte.report.log.aio(f"<p>the token is {os.environ['TOKEN']}</p>", do_flush=True)
    print("reported", flush=True)
    await asyncio.Event().wait()


@flyte.trace
async def traced(token: int) -> int:
    raise ValueError(f"traced {os.environ['TOKEN']}")


@mine.task
async def leaks_in_a_trace() -> str:
    try:
        await traced(1)
    except ValueError as error:
        return digest(str(error))
    return ""


@mine.task
async def stores_otherwise() -> None:
    """As a flyte does it that has other names for what keeps secrets out of what is stored."""
    folder = flyte.ctx().output_path
    error = execution_pb2.ContainerError(code="Refused", message=f"refused for {os.environ['TOKEN']}")
    document = execution_pb2.ErrorDocument(error=error).SerializeToString()
    await flyte.storage.put_stream(document, to_path=f"{folder}/error.pb")
    report = f"<p>the token is {os.environ['TOKEN']}</p>".encode()
    await flyte.storage.put_stream(report, to_path=f"{folder}/report.html")
