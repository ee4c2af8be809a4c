"""Runs that have ended, with rows of every kind and with files."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.utils import timezone

from runs.domain.names import RunRef
from runs.domain.phases import Phase
from runs.engine.retention import sweep
from runs.engine.retention.periods import read_retention
from runs.engine.retention.sweep import Deleted, Policy
from runs.models import Action, Attempt, Executor, Pool, Run
from runs.store import storage
from tests.support import factories

MakeEnded = Callable[..., Run]


@pytest.fixture
def root(settings: Any, tmp_path: Path) -> Path:
    settings.STORAGE_URL = f"file://{tmp_path}/storage"
    return tmp_path / "storage"


@pytest.fixture
def make_ended(root: Path, transactional_db: None) -> MakeEnded:
    """A run of that shape that ended so many days ago; its actions have events, logs, attempts and files."""

    def make(name: str, *, days: float = 0, shape: str = "2", **fields: Any) -> Run:
        ended = timezone.now() - timedelta(days=days)
        run = factories.make_run(
            shape, name=name, phase=Phase.SUCCEEDED, created_at=ended - timedelta(hours=1), **fields
        )
        ref = factories.ref_of(run)
        Run.objects.filter(pk=run.pk).update(
            base_uri=storage.run_base(ref), raw_data_prefix=storage.raw_data_prefix(ref)
        )
        run.refresh_from_db()
        pool = Pool.objects.get_or_create(key=f"pool of {name}")[0]
        executor = Executor.objects.create(pool=pool, state=Executor.State.GONE, ended_at=ended)
        executor.runs.add(run)
        for action in run.actions.order_by("pk"):
            output = storage.attempt_uri(run.base_uri, action.name, 1)
            Action.objects.filter(pk=action.pk).update(
                pool=pool, executor=executor, output_uri=output, started_at=ended, ended_at=ended,
                input_uri=storage.join(output, "inputs.pb"),
            )  # fmt: skip
            factories.make_event(action, Phase.SUCCEEDED)
            factories.make_log(action, "hello")
            Attempt.objects.create(
                action=action, number=1, lease_epoch=1, executor=executor, outcome="succeeded"
            )
            write(storage.join(output, "outputs.pb"))
        write(storage.join(f"file://{root}/_raw", *str(ref).split("/"), "model.bin"), b"weights")
        return run

    return make


def write(uri: str, data: bytes = b"") -> None:
    storage.write_bytes(uri, data)


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def ref(name: str) -> RunRef:
    return RunRef("flytesnacks", "development", name)


def policy(**texts: str) -> Policy:
    return Policy(
        **{name: read_retention(name, texts.get(name, "")) for name in ("runs", "logs", "cache", "unused")}
    )


def sweep_all(**texts: str) -> Deleted:
    deleted, rules, stop = Deleted(), policy(**texts), Event()
    for steps in (
        sweep.expire(rules, deleted),
        sweep.delete_left(deleted),
        sweep.clear_deleted(deleted, stop),
        sweep.clear_unused(rules, deleted, stop),
    ):
        sweep.run_here(steps)
    return deleted


def age(root: Path, days: float) -> None:
    """Make all files and folders so old."""
    then = time.time() - days * 86400
    for path in [*root.rglob("*"), root]:
        os.utime(path, (then, then))
