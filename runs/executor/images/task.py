"""The task build-image, as the builder's executors run it: an ordinary action, with a log, an abort and an error."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flyte
import flyte.storage
from flyteidl2.imagebuilder import definition_pb2

from runs.domain.images import BUILD_TASK, FORCE, full_name, plain_name
from runs.executor.attempt.attempt import CURRENT, Attempt
from runs.executor.environments.layout import ENVIRONMENTS
from runs.executor.flyte import sdk
from runs.executor.images.build import Made, Order, build
from runs.executor.images.errors import TAIL, ImageBuildError
from runs.protocol.frames import Built, Event

# What the build of a package, which runs code of its own, has no need of: above all the credential of the run.
OURS = ("FLYTEUI_", "FLYTE_", "_U_")


def make_tasks(put: Callable[[Event], object]) -> dict[tuple[str, ...], Any]:
    """By the arguments of their resolver. put: takes events for the server."""
    images = flyte.TaskEnvironment("flyteui-images")
    sdk.flyte_logger.addFilter(_is_no_failed_build)

    @images.task
    async def build_image(spec: str, context: str, target_image: str) -> str:
        return await _build(spec, context, target_image, put)

    @images.task
    async def rebuild_image(spec: str, context: str, target_image: str) -> str:
        return await _build(spec, context, target_image, put, is_forced=True)

    return {(BUILD_TASK,): build_image, (BUILD_TASK, FORCE): rebuild_image}


def _is_no_failed_build(record: logging.LogRecord) -> bool:
    """The log says in words why a build has failed. What the SDK logs of it is the traceback of our own code."""
    return record.exc_info is None or not isinstance(record.exc_info[1], ImageBuildError)


async def _build(
    spec: str, context: str, target_image: str, put: Callable[[Event], object], *, is_forced: bool = False
) -> str:
    attempt = CURRENT.get()
    assert attempt is not None
    name = plain_name(target_image)
    last_lines: deque[str] = deque(maxlen=TAIL)

    def say(line: str) -> None:
        last_lines.append(line.rstrip())
        print(line)

    say(f"image {name}")
    try:
        with tempfile.TemporaryDirectory(prefix="flyteui-image-") as folder:
            order = await _order(attempt, spec, context, name, Path(folder), is_forced=is_forced)
            variables = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
            made = await build(order, Path(os.environ[ENVIRONMENTS]), variables, say)
    except ImageBuildError as problem:
        for line in str(problem).splitlines():
            if line not in last_lines:  # as those of uv are, unless another run has built
                print(line)
        raise
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
