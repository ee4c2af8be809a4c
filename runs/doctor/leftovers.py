"""What deletions should have taken with them: rows of deleted runs, their files, and shared rows that nothing has any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef

from runs.doctor.findings import LIMIT, Finding
from runs.domain.names import RunRef
from runs.engine.retention import files, unused
from runs.models import Deletion, Pool, Run, TaskSpec
from runs.store import trees

LATE = timedelta(hours=3)  # the server looks every hour, and deletes what was unused for one
PRUNE = "delete it with `flyteui prune`; the server does so by itself while it runs"


def check_leftovers(now: datetime) -> Iterator[Finding]:
    """Five statements, and a look for two folders of each run that was deleted lately."""
    for deletion in Deletion.objects.filter(cleared_at=None, deleted_at__lt=now - LATE).order_by("pk")[
        :LIMIT
    ]:
        what = "rows" if deletion.run_id else "files"
        yield Finding(
            "deletion-unfinished",
            f"was deleted at {deletion.deleted_at}, and {what} of it are left",
            PRUNE,
            str(deletion),
        )
    # Another run may have the name, and the folders, by now.
    anew = Run.objects.filter(
        project__name=OuterRef("project"), domain=OuterRef("domain"), name=OuterRef("name")
    )
    done = Deletion.objects.filter(~Exists(anew), cleared_at__isnull=False, kept_files=0).order_by("-pk")
    for deletion in done[:LIMIT]:
        ref = RunRef(deletion.project, deletion.domain, deletion.name)
        left = [folder for folder in files.folders_of(ref) if trees.measure(folder, most=1).files]
        if left:
            text = f"was deleted at {deletion.deleted_at}, and there are files in {trees.address_of(left[0])}"
            yield Finding("files-of-deleted-run", text, PRUNE, str(ref))
    for model, name in ((TaskSpec, "spec"), (Pool, "pool")):
        late = model._default_manager.filter(unused_since__lt=now - unused.UNUSED - LATE).order_by("pk")
        for row in late[:LIMIT]:
            yield Finding("unused-row", f"{name} {row} is unused since {row.unused_since}", PRUNE)
