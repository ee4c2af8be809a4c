"""What a deletion of runs would delete: rows, and files with their sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef

from runs.domain.names import RunRef
from runs.domain.phases import LIVE
from runs.domain.texts import counted, format_bytes
from runs.engine.retention.files import folders_of
from runs.engine.targets import missing_run
from runs.models import Action, Run
from runs.store import trees


@dataclass(frozen=True, slots=True)
class DeletionPreview:
    """ended: the names of those that can be deleted; live: how many cannot; actions: of those that can."""

    ended: tuple[str, ...]
    live: int
    actions: int


def preview_deletion(project: str, domain: str, names: Sequence[str]) -> DeletionPreview:
    """What of these runs can be deleted. Two statements. Raises NotFound for the first one that is not there."""
    runs = Run.objects.filter(project__name=project, domain=domain, name__in=names)
    live = Action.objects.filter(run=OuterRef("pk"), phase__in=sorted(LIVE))
    found = {name: (pk, is_live) for pk, name, is_live in runs.values_list("pk", "name", Exists(live))}
    for name in names:
        if name not in found:
            raise missing_run(RunRef(project, domain, name))
    ended = tuple(name for name in names if not found[name][1])
    ids = [found[name][0] for name in ended]
    actions = Action.objects.filter(run__in=ids).aggregate(n=Count("pk"))["n"]
    return DeletionPreview(ended, len(found) - len(ended), actions)


@dataclass(frozen=True, slots=True)
class FileSizes:
    """Files of runs. is_more: they were too many to count all."""

    files: int = 0
    bytes: int = 0
    is_more: bool = False

    @property
    def text(self) -> str:
        return (
            f"{'more than ' if self.is_more else ''}{counted(self.files, 'file')}, {format_bytes(self.bytes)}"
        )


def measure_files(refs: Sequence[RunRef]) -> FileSizes:
    """The files of these runs in places that are ours. Reads the storage and no database, and stops at trees.COUNTED."""
    files = size = 0
    for ref in refs:
        for folder in folders_of(ref):
            found = trees.measure(folder, most=trees.COUNTED - files)
            files, size = files + found.files, size + found.bytes
    return FileSizes(files, size, files >= trees.COUNTED)
