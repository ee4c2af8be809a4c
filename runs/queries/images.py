"""Reads of images: what was built, by which run, and what of it a container would have had."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from runs.domain.addresses.pages import run_path
from runs.domain.errors import NotFound
from runs.domain.images import full_name, read_base
from runs.domain.names import RunRef
from runs.models import Image, Pool

OWN = "own"  # the state where the worker's own Python stands for an image


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image for a page. name: "" where the worker's own Python stands for it. run: which builds it, or has built it; None when it was deleted, or there is none yet."""

    name: str
    state: str
    environment: str
    python: str
    flyte: str
    not_honoured: tuple[str, ...]
    problem: str
    run: RunRef | None
    org: str = ""

    @property
    def full_name(self) -> str:
        return full_name(self.name) if self.name else ""

    @property
    def run_path(self) -> str:
        return run_path(self.run) if self.run else ""


def get_built(name: str) -> ImageFacts:
    """An image that has an environment. Raises NotFound. One statement."""
    row = Image.objects.select_related("build_run__project").filter(name=name).exclude(environment="").first()
    if row is None:
        raise NotFound(f"image {name!r} was not built here")
    return facts_of(row)


def facts_of(row: Image) -> ImageFacts:
    """No statement, when its run and the project of that were read with it."""
    run = row.build_run
    ref = RunRef(run.project.name, run.domain, run.name) if run is not None else None
    return ImageFacts(
        row.name, row.state, row.environment, row.python, row.flyte, tuple(row.not_honoured), row.problem, ref,
        org=run.org if run else "",
    )  # fmt: skip


def image_of(pool: Pool) -> ImageFacts | None:
    """The image of a pool's tasks; None where the worker's own Python has all that its name says. No statement, as facts_of."""
    if pool.built_image is not None:
        return facts_of(pool.built_image)
    if not pool.image or pool.image == "auto" or read_base(pool.image) is not None:
        return None
    return ImageFacts("", OWN, "", "", "", (f"base image {pool.image}",), "", None)


def waits_for_image(pools: Collection[int]) -> dict[int, str]:
    """Why what is queued in these pools waits, where that is for the image. One statement."""
    rows = Pool.objects.filter(pk__in=pools, built_image__environment="").select_related(
        "built_image__build_run"
    )
    waits = {}
    for pool in rows:
        image = pool.built_image
        assert image is not None
        by = f", which run {image.build_run.name} builds" if image.build_run else ""
        waits[pool.pk] = f"waits for its image {image.name}{by}"
    return waits
