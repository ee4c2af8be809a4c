"""Which runs are packed: their small inputs and outputs go from files of their own into one (store/packs.py).

Nothing of it is visible: the server reads a value wherever it is, and makes files again of what an executor is about to read.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from threading import Event

from django.db.models import Exists, OuterRef

from runs.domain.names import ROOT, RunRef
from runs.domain.phases import LIVE
from runs.engine.retention import files
from runs.engine.retention.deletions import recovering_runs
from runs.models import Action, Run
from runs.store import packs, storage, trees
from runs.store.clock import wall_time

AFTER = timedelta(hours=1)  # its end; until then somebody may look for its files
LIMIT = 200  # runs in one sweep


def find_unpacked() -> list[tuple[int, RunRef]]:
    """Runs that ended a while ago and are not packed. None while a backup reads the files, or where those are not local."""
    if not trees.is_storage_local() or files.is_backed_up():
        return []
    before = wall_time() - AFTER
    of_run = Action.objects.filter(run=OuterRef("pk"))
    runs = Run.objects.filter(packed_at=None, created_at__lt=before).exclude(domain="")
    runs = runs.filter(
        Exists(of_run.filter(name=ROOT, ended_at__lt=before)), ~Exists(of_run.filter(phase__in=sorted(LIVE)))
    )
    runs = runs.exclude(pk__in=recovering_runs().filter(related_to__isnull=False).values("related_to"))
    found = runs.order_by("created_at").values_list("pk", "project__name", "domain", "name")
    return [(pk, RunRef(*names)) for pk, *names in found[:LIMIT]]


def pack_run(ref: RunRef, uses: trees.Uses, stop: Event) -> bool:
    """Pack its values, but for those that other runs or the cache refer to. Reads and writes the storage only.

    False: not now. Its folder was touched a moment ago, or the server stops.
    """
    folder, path = _folder_of(ref), f"{ref.project}/{ref.domain}/{ref.name}"
    if folder is None or not folder.is_dir():
        return True
    # The run itself is in `uses`, too: it is no other one.
    others = trees.Uses(uses.paths - {path})
    before = (wall_time() - AFTER).timestamp()
    return (
        packs.pack(folder, is_used=lambda below: others.has(f"{path}/{below}"), before=before, stop=stop)
        is not None
    )


def note_packed(run_id: int) -> None:
    Run.objects.filter(pk=run_id).update(packed_at=wall_time())


def unpack_run(ref: RunRef) -> None:
    """Make files again of what a run has, before another one takes it over. Reads and writes the storage only."""
    if (folder := _folder_of(ref)) is not None:
        packs.unpack(folder)


def _folder_of(ref: RunRef) -> Path | None:
    return storage.local_path(storage.run_base(ref))
