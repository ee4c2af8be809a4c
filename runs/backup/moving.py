"""Addresses of files, when a backup is restored into another storage than the one that it was made of.

Rows, specs and inputs and outputs name files by their whole address. What users have written into files of their own (a path
in a CSV) stays as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from typing import Any

from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Replace
from flyteidl2.core import literals_pb2
from flyteidl2.task import common_pb2, run_pb2, task_definition_pb2
from flyteidl2.workflow import run_definition_pb2
from google.protobuf.message import Message

from runs.domain.addresses.storage import split_scheme
from runs.domain.phases import Kind
from runs.models import Action, Attempt, CacheEntry, Pool, Run, TaskSpec
from runs.store import packs
from runs.store.addresses import change_strings

_COLUMNS: dict[type[models.Model], tuple[str, ...]] = {
    Run: ("base_uri", "raw_data_prefix"),
    Action: ("input_uri", "output_uri"),
    Attempt: ("output_uri",),
    CacheEntry: ("output_uri",),
    Pool: ("bundle_uri",),
}
_FILES: dict[str, type[Message]] = {"inputs.pb": common_pb2.Inputs, "outputs.pb": common_pb2.Outputs}
_DETAILS = {Kind.TRACE: run_definition_pb2.TraceAction, Kind.CONDITION: run_definition_pb2.ConditionAction}


class Move:
    """From one storage to another; both are addresses of folders on the local disk."""

    def __init__(self, old_url: str, new_url: str) -> None:
        # Without a scheme, because user code has paths; with the slash, because folders may begin alike.
        self.old, self.new = (split_scheme(url)[1].rstrip("/") + "/" for url in (old_url, new_url))

    def text(self, text: str) -> str:
        return text.replace(self.old, self.new)

    def message(self, kind: type[Message], data: bytes) -> bytes:
        """The message with its addresses moved."""
        return change_strings(kind, data, self.text, having=self.old)


def move_rows(move: Move) -> None:
    """Change the addresses in all rows; to be called in a transaction."""
    for model, columns in _COLUMNS.items():
        model._default_manager.update(
            **{column: Replace(F(column), Value(move.old), Value(move.new)) for column in columns}
        )
    for spec, moved in _changed(
        TaskSpec, "spec", lambda _, data: move.message(task_definition_pb2.TaskSpec, data)
    ):
        TaskSpec.objects.filter(pk=spec).update(spec=moved, digest=hashlib.sha256(moved).hexdigest())
    for run, moved in _changed(Run, "spec", lambda _, data: move.message(run_pb2.RunSpec, data)):
        Run.objects.filter(pk=run).update(spec=moved)
    for action, moved in _changed(
        Action, "detail", lambda kind, data: move.message(_DETAILS[Kind(kind)], data), "kind"
    ):
        Action.objects.filter(pk=action).update(detail=moved)
    for action, moved in _changed(Action, "value", lambda _, data: move.message(literals_pb2.Literal, data)):
        Action.objects.filter(pk=action).update(value=moved)


def _changed(
    model: type[models.Model], column: str, change: Callable[[Any, bytes], bytes], beside: str = "pk"
) -> Iterator[tuple[int, bytes]]:
    """The ids of the rows that `change` changes, and what it makes of them."""
    rows = model._default_manager.exclude(**{column: b""}).order_by("pk")
    for pk, other, data in rows.values_list("pk", beside, column).iterator(chunk_size=100):
        moved = change(other, bytes(data))
        if moved != bytes(data):
            yield pk, moved


def move_files(move: Move, folder: Path) -> None:
    """Change the addresses in all inputs and outputs below a folder, packed ones too."""

    def moved(path: str, data: bytes) -> bytes:
        kind = _FILES.get(PurePath(path).name)
        return move.message(kind, data) if kind else data

    for name in _FILES:
        for file in folder.rglob(name):
            data = file.read_bytes()
            if (changed := moved(name, data)) != data:
                file.write_bytes(changed)
    for pack in folder.rglob(packs.NAME):
        packs.change_values(pack, moved)
