"""The task build-image, as the builder's executors run it: an ordinary action, with a log, an abort and an error."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flyte
import flyte.storage
from flyteidl2.imagebuilder import definition_pb2

from runs.domain.images import BUILD_TASK, FORCE, full_name, plain_name
from runs.executor.attempt.attempt import CURRENT, Attempt
from runs.executor.environments.layout import ENVIRONMENTS
from runs.executor.images.build import Made, Order, build
from runs.executor.images.errors import ImageBuildError
from runs.protocol.frames import Built, Event

# What the build of a package, which runs code of its own, has no need of: above all the credential of the run.
OURS = ("FLYTEUI_", "FLYTE_", "_U_")


def make_tasks(put: Callable[[Event], object]) -> dict[tuple[str, ...], Any]:
    """By the arguments of their resolver. put: takes events for the server."""
    images = flyte.TaskEnvironment("flyteui-images")

    @images.task
    async def build_image(spec: str, context: str, target_image: str) -> str:
        return await _build(spec, context, target_image, put)

    @images.task
    async def rebuild_image(spec: str, context: str, target_image: str) -> str:
        return await _build(spec, context, target_image, put, is_forced=True)

    return {(BUILD_TASK,): build_image, (BUILD_TASK, FORCE): rebuild_image}


async def _build(
    spec: str, context: str, target_image: str, put: Callable[[Event], object], *, is_forced: bool = False
) -> str:
    attempt = CURRENT.get()
    assert attempt is not None
    name = plain_name(target_image)
    print(f"image {name}")
    with tempfile.TemporaryDirectory(prefix="flyteui-image-") as folder:
        order = await _order(attempt, spec, context, name, Path(folder), is_forced=is_forced)
        variables = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        made = await build(order, Path(os.environ[ENVIRONMENTS]), variables, print)
    put(_event(attempt, name, made))
    return full_name(name)


async def _order(
    attempt: Attempt, spec: str, context: str, name: str, folder: Path, *, is_forced: bool
) -> Order:
    data = await _fetch(spec, folder / "spec.pb", "specification")
    archive = None
    digest = hashlib.sha256(data)
    if context:
        archive = folder / "context.tar.gz"
        digest.update(await _fetch(context, archive, "context"))
    return Order(
        image=full_name(name), spec=definition_pb2.ImageSpec.FromString(data), content=digest.hexdigest(),
        context=archive, run=attempt.run.name, salt=attempt.run.name if is_forced else "",
    )  # fmt: skip


async def _fetch(address: str, file: Path, what: str) -> bytes:
    try:
        await flyte.storage.get(address, str(file))
    except (AssertionError, FileNotFoundError) as missing:  # the SDK asserts that the file is there
        raise ImageBuildError(
            f"The {what} of the image is not in the storage any more; submit again"
        ) from missing
    return await asyncio.to_thread(file.read_bytes)


def _event(attempt: Attempt, name: str, made: Made) -> Built:
    about = made.environment
    return Built(
        key=attempt.key, epoch=attempt.lease.epoch, image=name, environment=made.digest, python=about.python,
        flyte=about.flyte, not_honoured=about.not_honoured,
    )  # fmt: skip
