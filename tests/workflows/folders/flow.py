"""Actions that write where they are, beside others of their process."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import flyte

env = flyte.TaskEnvironment(name="folders")
AT_IMPORT = os.getcwd()
SIDE_BY_SIDE = 5


# Ways to leave a number where the action is.


async def writes(n: int) -> None:
    Path("result.txt").write_text(str(n))


async def writes_an_absolute_path(n: int) -> None:
    path = Path("result.txt").absolute()
    await asyncio.sleep(0.05)
    path.write_text(str(n))


async def writes_in_a_thread(n: int) -> None:
    await asyncio.to_thread(lambda: Path("result.txt").write_text(str(n)))


async def writes_in_a_program(n: int) -> None:
    await (await asyncio.create_subprocess_shell(f"echo {n} > result.txt")).wait()


async def writes_in_a_folder_of_the_bundle(n: int) -> None:
    Path("data", "result.txt").write_text(str(n))
    shutil.copy(Path("data", "result.txt"), "result.txt")


async def writes_a_file_of_the_bundle(n: int) -> None:
    with Path("data", "known.txt").open("a") as known:
        known.write(f"{n}")
    assert Path("data", "known.txt").read_text() == f"as bundled\n{n}"
    Path("known.txt").write_text(str(n))
    Path("known.txt").rename("result.txt")


async def changes_its_folder(n: int) -> None:
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    await asyncio.sleep(0.05)
    assert os.path.samefile(os.getcwd(), folder)
    Path("result.txt").write_text(str(n))


async def writes_a_database(n: int) -> None:
    with sqlite3.connect("result.db") as database:
        database.execute("CREATE TABLE result (n)")
    Path("result.txt").write_text(str(n))


WAYS: dict[str, Callable[[int], Awaitable[None]]] = {
    way.__name__: way
    for way in (
        writes, writes_an_absolute_path, writes_in_a_thread, writes_in_a_program, writes_in_a_folder_of_the_bundle,
        writes_a_file_of_the_bundle, changes_its_folder, writes_a_database,
    )
}  # fmt: skip


async def seen(n: int, way: str) -> str:
    assert Path("known.txt").read_text() == "as bundled\n"
    await WAYS[way](n)
    await asyncio.sleep(0.2)  # meanwhile the others write
    in_thread = await asyncio.to_thread(lambda: Path("result.txt").read_text())
    in_program = subprocess.run(["cat", "result.txt"], capture_output=True, text=True, check=True).stdout
    assert Path("result.txt").read_text() == in_thread == in_program
    return in_thread.strip()


@env.task
async def writer(n: int, way: str) -> str:
    return await seen(n, way)


@env.task
def writer_as_a_function(n: int, way: str) -> str:
    return asyncio.run(seen(n, way))


@env.task
async def looks() -> str:
    """What an action that comes later finds where it is."""
    return f"{Path('known.txt').read_text()}{sorted(os.listdir())}"


async def told_of(way: str) -> str:
    before = await looks()
    numbers = await asyncio.gather(*(writer(n, way) for n in range(SIDE_BY_SIDE)))
    function = await writer_as_a_function.aio(5, way)
    return f"{','.join(numbers)},{function} {'as before' if await looks() == before else 'changed'}"


@env.task
async def main() -> str:
    told = [await told_of(way) for way in WAYS]
    where = "the bundle" if "bundles" in Path(AT_IMPORT).parts else AT_IMPORT
    return f"{len(told)} {sorted(set(told))} {where}"  # short, because the client breaks lines
