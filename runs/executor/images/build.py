"""Makes an environment: beside its place, then renamed, under a lock of its own. What is half-built when it ends is removed.

One that pixi makes holds its absolute paths, so it is made at its place. It is whole when it has its description.

Its name is a digest of what decides what is in it, so an image that was built is there at once, whoever asks.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import stat
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from flyteidl2.imagebuilder import definition_pb2

from runs.domain.images import Versions
from runs.executor.environments.layout import (
    BUILDING,
    CONTEXT,
    LOCKS,
    Environment,
    environment_folder,
    python_of,
    read_environment,
    write_environment,
)
from runs.executor.flyte.bundles import InvalidBundle, unpack
from runs.executor.images import pixi, uv
from runs.executor.images.errors import ImageBuildError, explain
from runs.executor.images.interpreters import find_python
from runs.executor.images.locks import Note, hold
from runs.executor.images.plan import CONTEXT_MARK, ENVIRONMENT_MARK, Plan, Step, make_plan

LAYOUT = 1  # grows when the same image would be built otherwise
NEEDED = ("msgspec", "websockets")  # by our executor, beside flyte
# What of the image's variables must not lead uv elsewhere.
RESERVED = ("VIRTUAL_ENV", "UV_PYTHON", "UV_PROJECT_ENVIRONMENT", "PYTHONPATH", "PYTHONHOME", "PATH", "HOME")
FILES = "files"  # the folder in which copies lie as in the image, from its root on
# Run by the new Python: what it is, whether what an executor needs can be imported, and what of it is there.
CHECK = """
import json, platform, importlib.metadata as m, importlib.util as u
import flyte, flyte.remote, msgspec, websockets.asyncio.client
if u.find_spec("flyteidl2"):
    import flyteidl2.core.literals_pb2
print(json.dumps([platform.python_version(), m.version("flyte")]))
"""
# The names of the packages that it has.
LIST = """
import importlib.metadata as m, json
print(json.dumps([(one.metadata["Name"] or "").lower() for one in m.distributions()]))
"""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What to build. content: a digest of spec and context; salt: "" to share what was built of the same content."""

    image: str
    spec: definition_pb2.ImageSpec
    content: str
    context: Path | None  # a .tar.gz
    run: str
    salt: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """digest: the environment's name. run: which has built it; "" when it was there."""

    digest: str
    environment: Environment


async def build(order: Order, root: Path, variables: Mapping[str, str], say: Say) -> Made:
    """Build, or find, the environment of an image. Raises ImageBuildError; a cancel leaves nothing."""
    own = Versions(".".join(map(str, _own_python())), metadata.version("flyte"))
    found = await pixi.find_pixi(variables) if pixi.read_installs(order.spec.layers) else None
    plan = make_plan(order.spec, own, variables, has_pixi=found is not None)
    plan.flyte = plan.flyte or own.flyte
    maker = found.path if found else await find_python(plan.python, variables, say)
    digest = await _digest(order, plan, found or maker, variables)
    place = environment_folder(root, digest)
    if (there := _find(place)) is None:
        async with hold(root / LOCKS / digest, order.run, say) as lock:
            if failed := lock.failed:
                raise type(failed.code, (ImageBuildError,), {})(
                    f"Run {failed.run} has tried: {failed.message}"
                )
            if (there := _find(place)) is None:
                try:
                    return Made(digest, await _make(order, plan, maker, place, variables, say))
                except ImageBuildError as problem:
                    lock.write(Note(order.run, type(problem).__name__, str(problem), time.time()))
                    raise
    say(f"the environment is there already: {digest[:12]}")
    _say_not_honoured(there.not_honoured, say)
    return Made(digest, there)


def _say_not_honoured(things: Sequence[str], say: Say) -> None:
    for what in things:
        say(f"not honoured: {what}")


def _own_python() -> tuple[int, int]:
    import sys

    return sys.version_info[:2]


def _find(place: Path) -> Environment | None:
    try:
        return read_environment(place)
    except FileNotFoundError:
        return None


async def _digest(order: Order, plan: Plan, maker: str | pixi.Pixi, variables: Mapping[str, str]) -> str:
    """Of all that decides what is in the environment, but for what an index has at the moment, as with a container's image.

    maker: the Python that it uses, or the pixi that brings one.
    """
    if isinstance(maker, pixi.Pixi):
        path, version = maker.path, [maker.version]
    else:
        path = maker
        asks = [maker, "-c", "import platform; print(platform.python_version())"]
        version = (await uv.run_program(asks, variables)).lines
    parts = [LAYOUT, order.content, order.salt, version, path, plan.flyte, *map(metadata.version, NEEDED)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]


async def _make(
    order: Order, plan: Plan, maker: str, place: Path, variables: Mapping[str, str], say: Say
) -> Environment:
    begun = time.monotonic()
    half = place if plan.pixi else place.with_name(f"{BUILDING}{place.name}")
    context = place.with_name(f"{CONTEXT}{place.name}")
    _say_not_honoured(plan.not_honoured, say)
    try:
        # What a builder that was killed has left is as old as its lock.
        await asyncio.to_thread(_remove, place, half, context)
        context.mkdir(mode=0o700)
        if order.context is not None:
            await _unpack(order.context, context)
        in_it = _variables(plan, variables, half)
        steps: list[pixi.Install | Step] = [*plan.pixi, *_first_steps(plan, maker), *plan.steps]
        for number, step in enumerate(steps, 1):
            say(f"[{number}/{len(steps)}] {step.says}")
            if isinstance(step, pixi.Install):
                await _install(maker, step, context, half, in_it, say)
            else:
                await _take(step, {ENVIRONMENT_MARK: str(half), CONTEXT_MARK: str(context)}, in_it, say)
        environment = await _check(order, plan, half, in_it)
        await asyncio.to_thread(_copy_files, plan, context, half)
        await asyncio.to_thread(let_all_read, half)
        write_environment(half, environment)
        if half != place:
            half.rename(place)
    finally:
        left = [context] if _find(place) else [context, half]
        await _in_any_case(asyncio.to_thread(_remove, *left))
    say(f"built in {time.monotonic() - begun:.1f} s: Python {environment.python}, flyte {environment.flyte}")
    return environment


async def _unpack(archive: Path, context: Path) -> None:
    try:
        await asyncio.to_thread(unpack, archive, context, "context of the image")
    except InvalidBundle as problem:
        raise ImageBuildError(f"{problem}; submit again") from problem


def _variables(plan: Plan, variables: Mapping[str, str], half: Path) -> dict[str, str]:
    """Of uv and pixi: the builder's and the image's, without those that would lead them elsewhere."""
    given = {name: value for name, value in plan.env.items() if name not in RESERVED}
    ours = {
        name: value
        for name, value in variables.items()
        if name not in {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PYTHON"}
    }
    return {
        **ours, **given, "UV_PROJECT_ENVIRONMENT": str(half / plan.prefix), "UV_NO_PROGRESS": "1", "PIXI_NO_PROGRESS": "true", "PIXI_NO_WRAP": "true", "NO_COLOR": "1",
    }  # fmt: skip


def _first_steps(plan: Plan, python: str) -> list[Step]:
    """An empty environment, and what an executor needs, before what the image adds: it may pin another version of it.

    What a pixi project brings of that itself stays, as in a container.
    """
    packages = [f"flyte=={plan.flyte}", *(f"{name}=={metadata.version(name)}" for name in NEEDED)]
    into = ("pip", "install", "--python", f"{ENVIRONMENT_MARK}/bin/python")
    if plan.pixi:
        return [Step("install what of flyte the project does not bring", into, unless_there=tuple(packages))]
    options = ("--no-project", "--relocatable", "--prompt", "flyteui", "--python", python)
    return [
        Step(f"make an environment with Python {plan.python}", ("venv", *options, ENVIRONMENT_MARK)),
        Step(f"install flyte {plan.flyte}", (*into, *packages)),
    ]


async def _install(
    program: str, install: pixi.Install, context: Path, half: Path, variables: Mapping[str, str], say: Say
) -> None:
    """Let pixi make its environment, and link its Python where an executor looks for one."""
    project = half / pixi.FOLDER
    for source, target in install.copies:
        await asyncio.to_thread(_copy, inside(context, source), inside(project, target))
    pixi.prepare(project)
    manifest = ("--manifest-path", str(inside(project, install.manifest)))
    command = [program, "install", *manifest, "--environment", install.environment, *install.options]
    done = await uv.run_program(command, variables, folder=str(project), say=say)
    if done.code:
        raise explain(install.says, done.lines, program="pixi")
    pixi.check(half, install)
    link = python_of(half)
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(python_of(Path("..", install.prefix)))


async def _take(step: Step, where: Mapping[str, str], variables: Mapping[str, str], say: Say) -> None:
    context, half = Path(where[CONTEXT_MARK]), Path(where[ENVIRONMENT_MARK])
    for source, target in step.copies:
        shutil.copyfile(inside(context, source), inside(context, target))
    arguments = []
    for argument in step.arguments:
        for name, folder in where.items():
            argument = argument.replace(name, folder)  # noqa: PLW2901 -- one after the other
        arguments.append(argument)
    if step.unless_there:
        missing = await _missing(half, step.unless_there, variables)
        if not missing:
            return
        arguments += missing
    done = await uv.run(arguments, variables, folder=where[CONTEXT_MARK], say=say)
    if done.code:
        raise explain(step.says, done.lines)


async def _missing(half: Path, packages: Sequence[str], variables: Mapping[str, str]) -> list[str]:
    """Those of which there is no version. packages: name==version."""
    listed = await uv.run_program([str(python_of(half)), "-c", LIST], variables)
    if listed.code:
        raise explain("look what is there", listed.lines, program="Python")
    there = set(json.loads(listed.lines[-1]))
    return [package for package in packages if package.partition("==")[0] not in there]


async def _check(order: Order, plan: Plan, half: Path, variables: Mapping[str, str]) -> Environment:
    """What is in the new environment. Raises ImageBuildError when the image's packages keep an executor from starting."""
    # The bytecode of what it imports stays in the environment, where those who use it later may not write.
    kept = {name: value for name, value in variables.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = await uv.run_program([str(python_of(half)), "-c", CHECK], kept)
    if done.code:
        raise ImageBuildError(
            "The image's packages do not let an executor start, which needs flyte, msgspec and websockets. Their import says:\n"
            + "\n".join(done.lines[-6:])
        )
    python, flyte = json.loads(done.lines[-1])
    return Environment(
        image=order.image, python=python, flyte=flyte, env=plan.env, not_honoured=plan.not_honoured,
        prefix=plan.prefix, workdir=f"{FILES}{plan.workdir}" if plan.workdir else "",
    )  # fmt: skip


def inside(folder: Path, name: str) -> Path:
    """A path below the folder. Raises ImageBuildError for one that leads out of it."""
    path = Path(os.path.normpath(folder / name.lstrip("/")))
    if not path.is_relative_to(folder):
        raise ImageBuildError(f"{name!r} leads out of the image")
    return path


def _copy_files(plan: Plan, context: Path, half: Path) -> None:
    """As COPY does: a folder's content, or a file by its name into a folder."""
    root = half / FILES
    if plan.workdir:
        inside(root, plan.workdir).mkdir(parents=True, exist_ok=True)
    for copy in plan.copies:
        source, target = inside(context, copy.source), inside(root, copy.target)
        if copy.target.endswith("/") and source.is_file():
            target /= source.name
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    """A folder's content, or a file by this name."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    else:
        raise ImageBuildError(f"{source.name!r} is not in the context of the image")


def let_all_read(folder: Path) -> None:
    """Who may enter the folder of all environments can use this one, and nobody but its builder change it, whatever the umask was."""
    for parent, _, names in os.walk(folder):
        for path in (parent, *(os.path.join(parent, name) for name in names)):  # noqa: PTH118 -- 50,000 files may be there
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                continue
            wanted = 0o444 | mode & 0o700 | (0o111 if mode & 0o100 else 0)
            if stat.S_IMODE(mode) != wanted:
                os.chmod(path, wanted)  # noqa: PTH101 -- as above


def _remove(*folders: Path) -> None:
    for folder in folders:
        for _ in range(3):  # something of it may have been written while it was removed
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break


async def _in_any_case(work: Coroutine[Any, Any, None]) -> None:
    """Wait for it, also while this task is cancelled again."""
    task = asyncio.create_task(work)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            continue
