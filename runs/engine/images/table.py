"""The table of images: what a pool's image needs, that a build has begun, and what it has made.

A build is a run of the task build-image. Its executor reports the environment before it reports the end of the action.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from functools import cache
from importlib import metadata

from django.db import transaction
from django.db.models import Q

from runs.domain import images
from runs.domain.images import Need, Origin, Versions
from runs.domain.names import BUILDER_POOL
from runs.domain.phases import LIVE
from runs.models import Action, Image, Pool, Run
from runs.protocol.frames import Built
from runs.store import hints
from runs.store.clock import wall_time

_LIVE = sorted(LIVE)
REMOTE = "set `image.builder: remote` in the client's config.yaml (or FLYTE_IMAGE_BUILDER=remote)"
BUILT_ELSEWHERE = f"nobody has built it on this server. Let the server build it: {REMOTE}, and submit again"
NOT_KNOWN = f"this server has not built it, or has deleted it. Submit or deploy again: {REMOTE}"
REMOVED = "its environment was removed from the worker's disk. Submit or deploy again, which builds it anew"
# Pools whose image has no environment yet; nothing of theirs can start.
NOT_BUILT = Q(built_image__environment="")


@cache
def own_versions() -> Versions:
    """Of the Python in which our workers run: they are of one installation with the server."""
    return Versions(f"{sys.version_info.major}.{sys.version_info.minor}", metadata.version("flyte"))


def image_for(pool_image: str) -> Image | None:
    """The row that a pool needs for its image, made when it is new; None: the worker's own Python will do. In a transaction."""
    need = images.need_of(pool_image, own_versions())
    return None if need.origin is Origin.OWN else _keep(need.name, **_unbuilt(need))


def _keep(name: str, **columns: str) -> Image:
    """The row of this name, made when it is new. It is locked, or retention might delete it before somebody refers to it."""
    row, _ = Image.objects.select_for_update().get_or_create(name=name, defaults=columns)
    return row


def _unbuilt(need: Need) -> dict[str, str]:
    if need.origin is Origin.SDK:
        return {"state": Image.State.WANTED}
    problem = BUILT_ELSEWHERE if need.origin is Origin.ELSEWHERE else NOT_KNOWN
    return {"state": Image.State.UNKNOWN, "problem": problem}


def match_pools() -> None:
    """The server starts, maybe in another version: what was the worker's own Python may now be an image, and the other way round."""
    for pool in Pool.objects.exclude(key=BUILDER_POOL):
        with transaction.atomic():
            row = image_for(pool.image)
            if pool.built_image_id != (row and row.pk):
                Pool.objects.filter(pk=pool.pk).update(built_image=row)


def begin_build(run: Run, name: str) -> None:
    """A run was created that builds this image. While an earlier one lives, that is the build; this one waits for it. In a transaction."""
    row = _keep(name)
    if not (row.state == Image.State.BUILDING and is_live(row.build_run_id)):
        Image.objects.filter(pk=row.pk).update(state=Image.State.BUILDING, build_run=run, problem="")


def is_live(run_id: int | None) -> bool:
    """Whether the run has not ended. One statement."""
    return Action.objects.filter(run=run_id, parent=None, phase__in=_LIVE).exists()


def note_built(run: Run, built: Built) -> None:
    """The environment of an image is there. Who only found it there changes nothing. Idempotent."""
    row = Image.objects.filter(name=built.image).first()
    if row is None or (row.state == Image.State.BUILT and row.environment == built.environment):
        return
    Image.objects.filter(pk=row.pk).update(
        state=Image.State.BUILT, environment=built.environment, build_run=run.pk, python=built.python,
        flyte=built.flyte, not_honoured=built.not_honoured, problem="", built_at=wall_time(),
    )  # fmt: skip
    hints.publish(hints.WORKERS)


def forget_environments(digests: Collection[str]) -> None:
    """No worker has them any more. An image of the SDK is built again when it is needed next, others when they are submitted."""
    _forget(Q(environment__in=digests))


def forget_all() -> None:
    """The same of all environments."""
    _forget(~Q(environment=""))


def _forget(which: Q) -> None:
    with transaction.atomic():
        for row in Image.objects.select_for_update().filter(which):
            need = images.need_of(row.name, Versions(""))
            lost = (
                {"state": Image.State.WANTED} if need.origin is Origin.SDK else {"state": Image.State.UNKNOWN}
            )
            Image.objects.filter(pk=row.pk).update(environment="", problem=REMOVED, **lost)
    hints.publish(hints.WORKERS)
